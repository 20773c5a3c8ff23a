// SPDX-License-Identifier: Apache-2.0
// The inner loops that differ between processors: one table of functions a path, chosen once at run time.
//
// The three paths compute the same integers. Accumulators are i32 and wrap modulo 2^32 on each of them; no step saturates:
// AVX-512 VNNI adds u8 x i8 products in i32 (vpdpbusd, not vpdpbusds), AVX2 multiplies widened i16 pairs (vpmaddwd).
#pragma once

#include <cstdint>

namespace npuc {

// How accumulators leave the unit, an entry a column; every array is readable up to the next multiple of `column_padding`.
//   out = clamp(((acc + bias) * multiplier + round +- extra) >> shift) + zp_out, lo, hi); extra takes the sign of acc + bias.
struct Epilogue {
  const std::int32_t *bias;
  const std::int32_t *multiplier; // >= 0
  const std::int64_t *shift;      // 2..62
  const std::int64_t *round;      // 1 << (shift - 1)
  const std::int64_t *extra;      // 1 << 30 where double rounding applies, else 0
  std::int32_t zp_out, lo, hi;
};

inline constexpr std::int64_t column_padding = 32;

struct Path {
  const char *name;
  // A packed left row is `depth` rounded up to `depth_unit` values of `lhs_bytes` each.
  std::int64_t depth_unit;
  std::int64_t lhs_bytes;
  // Columns that are packed side by side.
  std::int64_t panel;
  // Channels that a depthwise step takes: its inputs have at least so many.
  std::int64_t lanes;
  // True: left values are x + 128 and right values w, so the caller takes (128 + zp_x) and zp_w off by `bias` and `row_terms`.
  // False: left values are x - zp_x and right values w - zp_w.
  bool offset;

  // Bytes of a packed right side.
  std::int64_t (*packed_bytes)(std::int64_t columns, std::int64_t depth);
  // Packs w[o*column_stride + k*depth_stride]; sums[o] = sum over k of w (set where `offset`, else untouched).
  void (*pack)(const std::int8_t *w, std::int64_t columns, std::int64_t depth, std::int64_t column_stride, std::int64_t depth_stride,
               std::int32_t zp_w, void *packed, std::int32_t *sums);
  // Packs one left row of `depth` values.
  void (*spread)(const std::int8_t *from, std::int64_t depth, std::int32_t zp_x, void *to);
  // out[r][o] for r < rows, o < columns; row_terms[r], where given, is added to every accumulator of the row.
  void (*product)(const void *lhs, std::int64_t rows, const void *packed, std::int64_t columns, std::int64_t depth,
                  const std::int32_t *row_terms, const Epilogue &how, std::int8_t *const *out);

  // i16 values of packed depthwise weights.
  std::int64_t (*depthwise_packed)(std::int64_t taps, std::int64_t channels);
  // Packs w[t*tap_stride + c*channel_stride] - zp_w; sums[c] = sum over t of what was packed. channels >= lanes.
  void (*pack_depthwise)(const std::int8_t *w, std::int64_t taps, std::int64_t channels, std::int64_t tap_stride, std::int64_t channel_stride,
                         std::int32_t zp_w, std::int16_t *packed, std::int32_t *sums);
  // One output position: out[c], c < stored, from taps[t][c], c < channels; stored <= channels, channels >= lanes.
  void (*depthwise)(const std::int8_t *const *taps, std::int64_t count, std::int64_t channels, std::int64_t stored,
                    const std::int16_t *packed, const Epilogue &how, std::int8_t *out);
};

// The paths that this processor can run, fastest first; `portable` is always the last.
struct Paths {
  const Path *const *begin;
  int count;
};
Paths available_paths();

const Path &portable_path();
#if defined(NPUC_X86_PATHS)
const Path &avx2_path();
const Path &avx512vnni_path();
#endif

} // namespace npuc
