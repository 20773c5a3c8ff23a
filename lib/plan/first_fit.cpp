// SPDX-License-Identifier: Apache-2.0
#include "plan/first_fit.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace npuc {

namespace {

// As npuc.plan.place._STRETCHES: parts of the program that placed buffers are listed by.
constexpr std::int64_t stretches = 256;

} // namespace

std::vector<std::int64_t> first_fit(const std::vector<Lifetime> &buffers, const std::vector<std::int64_t> &order) {
  std::int64_t last = 0;
  for (const Lifetime &one : buffers)
    last = std::max(last, one.last);
  const std::int64_t span = last / stretches + 1;
  std::vector<std::vector<std::size_t>> placed(stretches + 1);
  std::vector<std::int64_t> offsets(buffers.size());
  // the turn in which a buffer was last looked at: it may stand in many stretches
  std::vector<std::size_t> seen(buffers.size());
  std::vector<std::pair<std::int64_t, std::int64_t>> meets;
  std::size_t turn = 0;
  for (const std::int64_t index : order) {
    const auto number = static_cast<std::size_t>(index);
    const Lifetime &one = buffers[number];
    const std::int64_t from = one.first / span, to = one.last / span;
    ++turn;
    meets.clear();
    for (std::int64_t stretch = from; stretch <= to; ++stretch)
      for (const std::size_t other : placed[static_cast<std::size_t>(stretch)])
        if (seen[other] != turn) {
          seen[other] = turn;
          if (buffers[other].first <= one.last && buffers[other].last >= one.first)
            meets.emplace_back(offsets[other], offsets[other] + buffers[other].size);
        }
    std::sort(meets.begin(), meets.end());
    std::int64_t offset = 0;
    for (const auto &[start, end] : meets) {
      if (start - offset >= one.size)
        break;
      offset = std::max(offset, end);
    }
    offsets[number] = offset;
    for (std::int64_t stretch = from; stretch <= to; ++stretch)
      placed[static_cast<std::size_t>(stretch)].push_back(number);
  }
  return offsets;
}

} // namespace npuc
