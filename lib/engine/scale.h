// SPDX-License-Identifier: Apache-2.0
// Codes and arithmetic that commands share; see python/npuc/numerics and python/npuc/isa.
#pragma once

#include <algorithm>
#include <cstdint>

#include "view.h"

namespace npuc {

enum Opcode : int {
  op_conv2d = 1,
  op_depthwise = 2,
  op_matmul = 3,
  op_elementwise = 8,
  op_pool = 9,
  op_reduce = 10,
  op_table = 11,
  op_resize = 12,
  op_softmax_exp = 13,
  op_softmax_norm = 14,
  op_dma = 16,
};

enum ElementwiseKind : std::int64_t { kind_add, kind_sub, kind_mul, kind_maximum, kind_minimum, kind_rescale, kind_copy };

enum Average : std::int64_t { average_scale, average_half_away, average_half_up };

enum ResizeRounding : std::int64_t { rounding_floor, rounding_half, rounding_bilinear };

// One multiplier and shift: (v * m + round) >> s, in i64 that wraps as numpy's does.
struct Scale {
  std::int64_t multiplier, shift, round, extra;

  Scale(std::int64_t m, std::int64_t s, bool double_round)
      : multiplier(m), shift(s), round(std::int64_t{1} << (s - 1)), extra(double_round && s > 31 ? std::int64_t{1} << 30 : 0) {}
  std::int64_t operator()(std::int64_t v) const {
    const auto wrapped = static_cast<std::uint64_t>(v) * static_cast<std::uint64_t>(multiplier) + static_cast<std::uint64_t>(round) +
                         static_cast<std::uint64_t>(v >= 0 ? extra : -extra);
    return static_cast<std::int64_t>(wrapped) >> shift;
  }
};

// What bounds a stored result: lo and hi, or the limits of an i32.
struct Bounds {
  std::int64_t zp_out, low, high;

  Bounds(const View &ofm, std::int64_t zp, std::int64_t lo, std::int64_t hi)
      : zp_out(zp), low(ofm.dtype == dtype_i32 ? INT32_MIN : lo), high(ofm.dtype == dtype_i32 ? INT32_MAX : hi) {}
  std::int32_t operator()(std::int64_t v) const {
    const auto moved = static_cast<std::int64_t>(static_cast<std::uint64_t>(v) + static_cast<std::uint64_t>(zp_out));
    return static_cast<std::int32_t>(std::clamp(moved, low, high));
  }
};

} // namespace npuc
