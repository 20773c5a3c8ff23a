// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "dot.h"
#include "kernels.h"

namespace npuc {

void matmul_acc(const std::int8_t *lhs, const std::int8_t *rhs, std::int64_t batch, std::int64_t rows, std::int64_t depth,
                std::int64_t columns, std::int32_t zp_lhs, std::int32_t zp_rhs, std::int32_t *out) {
  std::vector<std::int16_t> left(static_cast<std::size_t>(rows * depth));
  std::vector<std::int16_t> right(static_cast<std::size_t>(columns * depth)); // transposed: both sides run along k
  for (std::int64_t b = 0; b < batch; ++b, lhs += rows * depth, rhs += depth * columns, out += rows * columns) {
    widen(lhs, rows * depth, zp_lhs, left.data());
    for (std::int64_t n = 0; n < columns; ++n)
      for (std::int64_t k = 0; k < depth; ++k)
        right[static_cast<std::size_t>(n * depth + k)] = static_cast<std::int16_t>(rhs[k * columns + n] - zp_rhs);
    dot_rows(left.data(), rows, right.data(), columns, depth, nullptr, out, columns);
  }
}

} // namespace npuc
