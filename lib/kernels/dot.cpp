// SPDX-License-Identifier: Apache-2.0
#include "dot.h"

namespace npuc {

void dot_rows(const std::int16_t *lhs, std::int64_t rows, const std::int16_t *rhs, std::int64_t columns, std::int64_t depth,
              const std::int32_t *bias, std::int32_t *out, std::int64_t out_stride) {
  // Four columns share each load of the left row; the loop over k becomes the machine's multiply-add of i16 pairs.
  std::int64_t o = 0;
  for (; o + 4 <= columns; o += 4) {
    const std::int16_t *r0 = rhs + o * depth, *r1 = r0 + depth, *r2 = r1 + depth, *r3 = r2 + depth;
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int16_t *l = lhs + r * depth;
      std::int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      for (std::int64_t k = 0; k < depth; ++k) {
        s0 += l[k] * r0[k];
        s1 += l[k] * r1[k];
        s2 += l[k] * r2[k];
        s3 += l[k] * r3[k];
      }
      std::int32_t *to = out + r * out_stride + o;
      to[0] = s0 + (bias ? bias[o] : 0);
      to[1] = s1 + (bias ? bias[o + 1] : 0);
      to[2] = s2 + (bias ? bias[o + 2] : 0);
      to[3] = s3 + (bias ? bias[o + 3] : 0);
    }
  }
  for (; o < columns; ++o) {
    const std::int16_t *r0 = rhs + o * depth;
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int16_t *l = lhs + r * depth;
      std::int32_t sum = 0;
      for (std::int64_t k = 0; k < depth; ++k)
        sum += l[k] * r0[k];
      out[r * out_stride + o] = sum + (bias ? bias[o] : 0);
    }
  }
}

} // namespace npuc
