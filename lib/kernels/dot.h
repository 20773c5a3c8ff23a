// SPDX-License-Identifier: Apache-2.0
// What convolution and matrix product share: rows of i16 values against rows of i16 values.
#pragma once

#include <cstdint>

namespace npuc {

// i8 minus a zero point of -128..127 lies in -255..255: i16 holds it, and products of two such values add up in i32 lanes.
// to[i] = from[i] - zero_point, i < count.
inline void widen(const std::int8_t *from, std::int64_t count, std::int32_t zero_point, std::int16_t *to) {
  for (std::int64_t i = 0; i < count; ++i)
    to[i] = static_cast<std::int16_t>(from[i] - zero_point);
}

// out[r*out_stride + o] = (bias ? bias[o] : 0) + sum over k of lhs[r,k] * rhs[o,k]
// lhs: i16 [rows, depth]; rhs: i16 [columns, depth]; both dense.
void dot_rows(const std::int16_t *lhs, std::int64_t rows, const std::int16_t *rhs, std::int64_t columns, std::int64_t depth,
              const std::int32_t *bias, std::int32_t *out, std::int64_t out_stride);

} // namespace npuc
