// SPDX-License-Identifier: Apache-2.0
// The bytes that a view touches: npuc.isa.base.Extent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace npuc {

// The bytes {start + sum(i_k * strides[k]) + [0, run)}, 0 <= i_k < counts[k].
class Extent {
public:
  static constexpr std::size_t dimensions = 4;

  Extent(std::int64_t start, std::int64_t run, const std::int64_t *counts, const std::int64_t *strides);

  std::int64_t low() const { return low_; }
  std::int64_t high() const { return high_; }
  std::int64_t run() const { return run_; }
  // Whether this, moved by `shift`, and the other, moved by `other_shift`, have a byte in common.
  bool overlaps(const Extent &other, std::int64_t shift = 0, std::int64_t other_shift = 0) const;

  // Calls `visit(first byte)` for every run until it says false; says whether it never did.
  template <typename Visit> bool every_run(const Visit &visit) const {
    std::array<std::int64_t, dimensions> at{};
    for (std::int64_t address = start_;;) {
      if (!visit(address))
        return false;
      std::size_t k = 0;
      for (; k < dimensions; ++k) {
        address += strides_[k];
        if (++at[k] < counts_[k])
          break;
        address -= strides_[k] * counts_[k];
        at[k] = 0;
      }
      if (k == dimensions)
        return true;
    }
  }

private:
  const std::vector<std::int64_t> &starts() const;

  std::int64_t start_, run_, low_, high_;
  std::array<std::int64_t, dimensions> counts_, strides_;
  bool dense_;
  // Sorted starts of the runs, made when they are first asked for.
  mutable std::vector<std::int64_t> starts_;
};

} // namespace npuc
