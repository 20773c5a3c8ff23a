// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels.h"

namespace npuc {
namespace {

// |value * multiplier| <= 2^62, rounds below 2^61 + 2^30: the sum stays inside i64.
std::int8_t rescale_one(std::int32_t value, std::int64_t multiplier, std::int32_t shift, const Rescale &how) {
  if (multiplier == 0) // a scale flushed to zero
    return static_cast<std::int8_t>(std::clamp(how.zp_out, how.lo, how.hi));
  std::int64_t round = std::int64_t{1} << (shift - 1);
  if (how.double_round && shift > 31)
    round += value >= 0 ? std::int64_t{1} << 30 : -(std::int64_t{1} << 30);
  const std::int64_t scaled = (value * multiplier + round) >> shift;
  return static_cast<std::int8_t>(std::clamp<std::int64_t>(scaled + how.zp_out, how.lo, how.hi));
}

} // namespace

void rescale(const std::int32_t *acc, std::int64_t positions, std::int64_t channels, const Rescale &how, std::int8_t *out) {
  const std::int64_t step = how.per_channel ? 1 : 0;
  for (std::int64_t p = 0; p < positions; ++p, acc += channels, out += channels)
    for (std::int64_t c = 0; c < channels; ++c)
      out[c] = rescale_one(acc[c], how.multiplier[c * step], how.shift[c * step], how);
}

} // namespace npuc
