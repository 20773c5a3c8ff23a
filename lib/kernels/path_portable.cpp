// SPDX-License-Identifier: Apache-2.0
// Plain C++ for any processor, and the definition of what the other paths compute.
#include "path.h"

namespace npuc {
namespace {

constexpr std::int64_t panel = 8;
constexpr std::int64_t row_tile = 4;
constexpr std::int64_t lanes = 16;

std::int8_t leave(std::int32_t acc, const Epilogue &how, std::int64_t o) {
  const std::int64_t v = static_cast<std::int32_t>(acc + how.bias[o]);
  const std::int64_t extra = v >= 0 ? how.extra[o] : -how.extra[o];
  std::int64_t y = (v * how.multiplier[o] + how.round[o] + extra) >> how.shift[o];
  const std::int64_t low = std::int64_t{how.lo} - how.zp_out, high = std::int64_t{how.hi} - how.zp_out;
  y = y < low ? low : y > high ? high : y;
  return static_cast<std::int8_t>(y + how.zp_out);
}

std::int64_t packed_bytes(std::int64_t columns, std::int64_t depth) { return (columns + panel - 1) / panel * panel * depth * 2; }

void pack(const std::int8_t *w, std::int64_t columns, std::int64_t depth, std::int64_t column_stride, std::int64_t depth_stride,
          std::int32_t zp_w, void *packed, std::int32_t *) {
  auto *to = static_cast<std::int16_t *>(packed);
  for (std::int64_t first = 0; first < columns; first += panel)
    for (std::int64_t k = 0; k < depth; ++k)
      for (std::int64_t i = 0; i < panel; ++i, ++to) {
        const std::int64_t o = first + i;
        *to = o < columns ? static_cast<std::int16_t>(w[o * column_stride + k * depth_stride] - zp_w) : std::int16_t{0};
      }
}

void spread(const std::int8_t *from, std::int64_t depth, std::int32_t zp_x, void *to) {
  auto *wide = static_cast<std::int16_t *>(to);
  for (std::int64_t k = 0; k < depth; ++k)
    wide[k] = static_cast<std::int16_t>(from[k] - zp_x);
}

template <int rows> void tile(const std::int16_t *lhs, std::int64_t depth, const std::int16_t *rhs, std::int32_t (&acc)[rows][panel]) {
  for (std::int64_t k = 0; k < depth; ++k, rhs += panel)
    for (int r = 0; r < rows; ++r) {
      const std::int32_t value = lhs[r * depth + k];
      for (int i = 0; i < panel; ++i)
        acc[r][i] += value * rhs[i];
    }
}

template <int rows>
void tile_out(const std::int16_t *lhs, std::int64_t depth, const std::int16_t *rhs, std::int64_t first, std::int64_t count,
              const std::int32_t *row_terms, const Epilogue &how, std::int8_t *const *out) {
  std::int32_t acc[rows][panel] = {};
  tile<rows>(lhs, depth, rhs, acc);
  for (int r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < count; ++i)
      out[r][first + i] = leave(acc[r][i] + (row_terms ? row_terms[r] : 0), how, first + i);
}

void product(const void *lhs, std::int64_t rows, const void *packed, std::int64_t columns, std::int64_t depth, const std::int32_t *row_terms,
             const Epilogue &how, std::int8_t *const *out) {
  const auto *left = static_cast<const std::int16_t *>(lhs);
  const auto *right = static_cast<const std::int16_t *>(packed);
  for (std::int64_t first = 0; first < columns; first += panel, right += panel * depth) {
    const std::int64_t count = columns - first < panel ? columns - first : panel;
    std::int64_t r = 0;
    for (; r + row_tile <= rows; r += row_tile)
      tile_out<row_tile>(left + r * depth, depth, right, first, count, row_terms ? row_terms + r : nullptr, how, out + r);
    for (; r < rows; ++r)
      tile_out<1>(left + r * depth, depth, right, first, count, row_terms ? row_terms + r : nullptr, how, out + r);
  }
}

std::int64_t depthwise_packed(std::int64_t taps, std::int64_t channels) { return taps * channels; }

void pack_depthwise(const std::int8_t *w, std::int64_t taps, std::int64_t channels, std::int64_t tap_stride, std::int64_t channel_stride,
                    std::int32_t zp_w, std::int16_t *packed, std::int32_t *sums) {
  for (std::int64_t c = 0; c < channels; ++c)
    sums[c] = 0;
  for (std::int64_t t = 0; t < taps; ++t)
    for (std::int64_t c = 0; c < channels; ++c, ++packed) {
      *packed = static_cast<std::int16_t>(w[t * tap_stride + c * channel_stride] - zp_w);
      sums[c] += *packed;
    }
}

void depthwise(const std::int8_t *const *taps, std::int64_t count, std::int64_t channels, std::int64_t stored, const std::int16_t *packed,
               const Epilogue &how, std::int8_t *out) {
  for (std::int64_t first = 0; first < stored; first += lanes) {
    const std::int64_t size = stored - first < lanes ? stored - first : lanes;
    std::int32_t acc[lanes] = {};
    for (std::int64_t t = 0; t < count; ++t) {
      const std::int8_t *x = taps[t] + first;
      const std::int16_t *w = packed + t * channels + first;
      for (std::int64_t i = 0; i < size; ++i)
        acc[i] += x[i] * w[i];
    }
    for (std::int64_t i = 0; i < size; ++i)
      out[first + i] = leave(acc[i], how, first + i);
  }
}

constexpr Path path{"portable", 1,       2,       panel,            1,              false,    packed_bytes,
                    pack,       spread,  product, depthwise_packed, pack_depthwise, depthwise};

} // namespace

const Path &portable_path() { return path; }

} // namespace npuc
