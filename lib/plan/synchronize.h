// SPDX-License-Identifier: Apache-2.0
// The order of queues of npuc.plan.synchronize, number for number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace npuc {

// The bytes {start + sum(i_k * strides[k]) + [0, run)}, 0 <= i_k < counts[k]; see npuc.isa.base.Extent.
class Extent {
public:
  static constexpr std::size_t dimensions = 4;

  Extent(std::int64_t start, std::int64_t run, const std::int64_t *counts, const std::int64_t *strides);

  std::int64_t low() const { return low_; }
  std::int64_t high() const { return high_; }
  // Whether this, moved by `shift`, and the other, moved by `other_shift`, have a byte in common.
  bool overlaps(std::int64_t shift, const Extent &other, std::int64_t other_shift) const;

private:
  const std::vector<std::int64_t> &starts() const;

  std::int64_t start_, run_, low_, high_;
  std::array<std::int64_t, dimensions> counts_, strides_;
  bool dense_;
  // Sorted starts of the runs, made when they are first asked for.
  mutable std::vector<std::int64_t> starts_;
};

// One extent that a command touches, `shift` bytes from where it says. A memory is a number from 0 on.
struct Access {
  const Extent *extent;
  std::int64_t shift, memory;
  bool write;
};

// What decides where a command stands. Of the DMA queues a movable one goes to the one that is estimated to start it first.
struct Task {
  std::int64_t queue;
  bool movable, transfer;
  // A transfer takes the off-chip port for `cycles` behind its latency; other work takes latency + cycles.
  std::int64_t latency, cycles;
  std::size_t first_access, accesses;
};

struct Order {
  std::vector<std::int64_t> queues;
  // Commands that each one waits for, the newest first.
  std::vector<std::vector<std::int32_t>> waits;
};

constexpr std::int64_t memories = 2;

// dma_queues: those that movable transfers choose from, in their order.
Order synchronize(const std::vector<Task> &tasks, const std::vector<Access> &accesses, std::size_t queues,
                  const std::vector<std::int64_t> &dma_queues);

} // namespace npuc
