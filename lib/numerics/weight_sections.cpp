// SPDX-License-Identifier: Apache-2.0
#include "numerics/weight_sections.h"

#include <array>

namespace npuc {

namespace {

// As npuc.numerics.weight_sections.SWITCH_BITS.
constexpr std::int32_t switch_bits = 40;
constexpr std::size_t values_limit = 512;

// One number a code, and some that nothing holds: whole vectors.
constexpr std::size_t lanes = 16;
using Row = std::array<std::int32_t, lanes>;

// What a value costs under every code, and a mask of the codes that cannot hold it.
struct Price {
  Row bits{}, fails{};
};

std::vector<Price> price_list(std::int32_t binary_bits) {
  std::vector<Price> list(values_limit);
  for (std::size_t value = 0; value < values_limit; ++value) {
    Price &price = list[value];
    price.fails.fill(-1);
    const auto set = [&price](std::size_t code, std::size_t bits) {
      price.bits[code] = static_cast<std::int32_t>(bits);
      price.fails[code] = 0;
    };
    for (std::size_t bits = 0; bits < 6; ++bits) {
      const std::size_t quotient = value >> bits;
      if (quotient <= 31)
        set(bits, quotient + 1 + bits);
      if (quotient <= 2)
        set(bits + 6, (quotient ? 2 : 1) + bits);
    }
    if (binary_bits)
      set(12, static_cast<std::size_t>(binary_bits));
  }
  return list;
}

} // namespace

std::vector<std::pair<std::int64_t, std::int64_t>> choose_sections(const std::int32_t *values, std::size_t count, std::int32_t binary_bits) {
  const std::vector<Price> prices = price_list(binary_bits);
  std::vector<std::pair<std::int64_t, std::int64_t>> found;
  // bits under every code, whether it holds the last value (a mask), and how many values there were when it last failed
  Row sums{}, holds{}, failed{};
  std::size_t active = lanes;
  std::int32_t active_sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Price &price = prices[static_cast<std::size_t>(values[i])];
    const auto seen = static_cast<std::int32_t>(i + 1);
    const std::int32_t below = active_sum - switch_bits;
    std::int32_t shorter = 0;
    for (std::size_t code = 0; code < lanes; ++code) {
      const std::int32_t fails = price.fails[code];
      // a code that failed goes on from where the active one is
      const std::int32_t sum = ((sums[code] & holds[code]) | (active_sum & ~holds[code])) + price.bits[code];
      shorter |= ~fails & -static_cast<std::int32_t>(sum < below);
      sums[code] = (sum & ~fails) | ((sums[code] + switch_bits) & fails);
      failed[code] = (failed[code] & ~fails) | (seen & fails);
      holds[code] = ~fails;
    }
    if (active == lanes || shorter || !holds[active]) {
      std::size_t best = lanes;
      for (std::size_t code = 0; code < weight_codes; ++code)
        if (holds[code] && (best == lanes || sums[code] < sums[best]))
          best = code;
      // a code that was cheaper and held everything since the other failed last takes the section over from its start
      if (active != lanes && (sums[best] >= sums[active] || failed[best] > failed[active]))
        found.emplace_back(static_cast<std::int64_t>(i), static_cast<std::int64_t>(active));
      active = best;
    }
    active_sum = sums[active];
  }
  const auto end = static_cast<std::int64_t>(count);
  if (!found.empty() && found.back().second == static_cast<std::int64_t>(active))
    found.back().first = end;
  else if (count)
    found.emplace_back(end, static_cast<std::int64_t>(active));
  return found;
}

} // namespace npuc
