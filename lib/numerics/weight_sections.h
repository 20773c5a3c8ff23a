// SPDX-License-Identifier: Apache-2.0
// The choice of codes of npuc.numerics.weight_sections, number for number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace npuc {

// Codes of weights: 0..5 Golomb-Rice with as many remainder bits, 6..11 the same cut off at two quotient bits, 12 plain binary.
constexpr int weight_codes = 13;

// (end, code) of every section of at most 2^24 palette indices in 0..511; `binary_bits`: width of code 12, 0 where it may not be used.
std::vector<std::pair<std::int64_t, std::int64_t>> choose_sections(const std::int32_t *values, std::size_t count, std::int32_t binary_bits);

} // namespace npuc
