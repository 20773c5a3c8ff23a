// SPDX-License-Identifier: Apache-2.0
// Exact int8 kernels: plain arrays in, plain arrays out; no Python, no files, no allocation visible to the caller.
//
// Accumulators are i32 and wrap modulo 2^32 (the library is compiled so that this is defined). A legal program never wraps: the
// compiler proves from the constants that no accumulator can leave i32. Wrapping makes an illegal one reproducible.
#pragma once

#include <cstdint>

namespace npuc {

// A sliding window over the rows and columns of an image. Positions outside the image contribute nothing to the sum.
struct Window {
  std::int64_t kernel_h, kernel_w;
  std::int64_t stride_h, stride_w;
  std::int64_t dilation_h, dilation_w;
  std::int64_t pad_top, pad_left;
  std::int64_t out_h, out_w;
};

struct Image {
  std::int64_t batch, height, width, channels;
};

// out[n,oh,ow,o] = bias[o] + sum over ky,kx,c of (x[n,y,x,g*Cg+c] - zp_x) * (w[o,ky,kx,c] - zp_w)
//   with y = oh*stride_h - pad_top + ky*dilation_h (x alike), g = o / (out_channels / groups), Cg = channels / groups.
// x: i8 [N,H,W,C]; w: i8 [O,KH,KW,Cg]; bias: i32 [O] or null; out: i32 [N,OH,OW,O].
void conv2d_acc(const std::int8_t *x, const Image &image, const std::int8_t *w, const Window &window, std::int64_t groups,
                std::int64_t out_channels, std::int32_t zp_x, std::int32_t zp_w, const std::int32_t *bias, std::int32_t *out);

// out[n,oh,ow,c*M+m] = bias[c*M+m] + sum over ky,kx of (x[n,y,x,c] - zp_x) * (w[ky,kx,c*M+m] - zp_w)
// x: i8 [N,H,W,C]; w: i8 [KH,KW,C*M]; bias: i32 [C*M] or null; out: i32 [N,OH,OW,C*M].
void depthwise_acc(const std::int8_t *x, const Image &image, const std::int8_t *w, const Window &window, std::int64_t channel_multiplier,
                   std::int32_t zp_x, std::int32_t zp_w, const std::int32_t *bias, std::int32_t *out);

// out[b,m,n] = sum over k of (lhs[b,m,k] - zp_lhs) * (rhs[b,k,n] - zp_rhs)
// lhs: i8 [B,M,K]; rhs: i8 [B,K,N]; out: i32 [B,M,N].
void matmul_acc(const std::int8_t *lhs, const std::int8_t *rhs, std::int64_t batch, std::int64_t rows, std::int64_t depth,
                std::int64_t columns, std::int32_t zp_lhs, std::int32_t zp_rhs, std::int32_t *out);

struct Rescale {
  const std::int32_t *multiplier; // [channels] if per_channel, else [1]; each >= 0
  const std::int32_t *shift;      // as multiplier; each in 2..62 (of no meaning where the multiplier is 0)
  bool per_channel;
  bool double_round;
  std::int32_t zp_out, lo, hi; // all within i8
};

// out[i] = clamp(((i64(acc[i]) * m + round) >> s) + zp_out, lo, hi), round = 1 << (s-1), and with double_round and s > 31 also
// +(1 << 30) where acc[i] >= 0, else -(1 << 30). acc: i32 [positions, channels]; out: i8 of the same shape.
void rescale(const std::int32_t *acc, std::int64_t positions, std::int64_t channels, const Rescale &how, std::int8_t *out);

} // namespace npuc
