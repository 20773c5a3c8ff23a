// SPDX-License-Identifier: Apache-2.0
// AVX2: products of i16 pairs. Compiled with -mavx2, so nothing here may be shared with code that runs elsewhere: no inline
// function of a header, no template of the standard library.
#include <immintrin.h>

#include "path.h"

namespace npuc {
namespace {

constexpr std::int64_t panel = 16;
constexpr std::int64_t unit = 2;
constexpr std::int64_t lanes = 16;

inline std::int64_t steps_of(std::int64_t depth) { return (depth + unit - 1) / unit; }

// (v * multiplier + round +- extra) >> shift, clamped, of the even 32-bit lanes of v.
inline __m256i scale_even(__m256i v, __m256i multiplier, __m256i shift, __m256i round, __m256i extra, __m256i low, __m256i high) {
  const __m256i product = _mm256_mul_epi32(v, multiplier);
  const __m256i sign = _mm256_cmpgt_epi64(_mm256_setzero_si256(), product);
  const __m256i signed_extra = _mm256_sub_epi64(_mm256_xor_si256(extra, sign), sign);
  const __m256i sum = _mm256_add_epi64(_mm256_add_epi64(product, round), signed_extra);
  // AVX2 has no arithmetic 64-bit shift: shift what lies above the least value, and shift that value too
  const __m256i least = _mm256_set1_epi64x(INT64_MIN);
  __m256i y = _mm256_sub_epi64(_mm256_srlv_epi64(_mm256_add_epi64(sum, least), shift), _mm256_srlv_epi64(least, shift));
  y = _mm256_blendv_epi8(y, low, _mm256_cmpgt_epi64(low, y));
  return _mm256_blendv_epi8(y, high, _mm256_cmpgt_epi64(y, high));
}

// Eight accumulators of columns o .. o+7 to i32 results.
inline __m256i leave(__m256i acc, const Epilogue &how, std::int64_t o) {
  const auto load = [o](const auto *from, int at) { return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from + o + at)); };
  const __m256i low = _mm256_set1_epi64x(std::int64_t{how.lo} - how.zp_out), high = _mm256_set1_epi64x(std::int64_t{how.hi} - how.zp_out);
  const __m256i v = _mm256_add_epi32(acc, load(how.bias, 0)), m = load(how.multiplier, 0);
  // the 64-bit arrays lie in order; even and odd lanes are picked from two loads
  const auto even = [](__m256i a, __m256i b) { return _mm256_permute4x64_epi64(_mm256_unpacklo_epi64(a, b), 0xD8); };
  const auto odd = [](__m256i a, __m256i b) { return _mm256_permute4x64_epi64(_mm256_unpackhi_epi64(a, b), 0xD8); };
  const __m256i s0 = load(how.shift, 0), s1 = load(how.shift, 4), r0 = load(how.round, 0), r1 = load(how.round, 4);
  const __m256i e0 = load(how.extra, 0), e1 = load(how.extra, 4);
  const __m256i evens = scale_even(v, m, even(s0, s1), even(r0, r1), even(e0, e1), low, high);
  const __m256i odds =
      scale_even(_mm256_srli_epi64(v, 32), _mm256_srli_epi64(m, 32), odd(s0, s1), odd(r0, r1), odd(e0, e1), low, high);
  const __m256i y = _mm256_blend_epi32(evens, _mm256_slli_epi64(odds, 32), 0xAA);
  return _mm256_add_epi32(y, _mm256_set1_epi32(how.zp_out));
}

// Sixteen accumulators to `count` bytes.
inline void store(__m256i first, __m256i second, const Epilogue &how, std::int64_t o, std::int64_t count, std::int8_t *out) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(leave(first, how, o), leave(second, how, o + 8)), 0xD8);
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  if (count >= 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i *>(out + o), bytes);
    return;
  }
  std::int8_t whole[16];
  _mm_storeu_si128(reinterpret_cast<__m128i *>(whole), bytes);
  for (std::int64_t i = 0; i < count; ++i)
    out[o + i] = whole[i];
}

std::int64_t packed_bytes(std::int64_t columns, std::int64_t depth) { return (columns + panel - 1) / panel * panel * steps_of(depth) * unit * 2; }

void pack(const std::int8_t *w, std::int64_t columns, std::int64_t depth, std::int64_t column_stride, std::int64_t depth_stride,
          std::int32_t zp_w, void *packed, std::int32_t *) {
  auto *to = static_cast<std::int16_t *>(packed);
  for (std::int64_t first = 0; first < columns; first += panel)
    for (std::int64_t k = 0; k < depth; k += unit)
      for (std::int64_t o = first; o < first + panel; ++o)
        for (std::int64_t u = k; u < k + unit; ++u)
          *to++ = o < columns && u < depth ? static_cast<std::int16_t>(w[o * column_stride + u * depth_stride] - zp_w) : std::int16_t{0};
}

void spread(const std::int8_t *from, std::int64_t depth, std::int32_t zp_x, void *to) {
  auto *wide = static_cast<std::int16_t *>(to);
  const __m256i zero_point = _mm256_set1_epi16(static_cast<std::int16_t>(zp_x));
  std::int64_t k = 0;
  for (; k + 16 <= depth; k += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from + k));
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(wide + k), _mm256_sub_epi16(_mm256_cvtepi8_epi16(bytes), zero_point));
  }
  for (; k < depth; ++k)
    wide[k] = static_cast<std::int16_t>(from[k] - zp_x);
  if (k % unit)
    wide[k] = 0;
}

template <int rows>
void tile(const std::int16_t *lhs, std::int64_t steps, const std::int16_t *rhs, std::int64_t first, std::int64_t count,
          const std::int32_t *row_terms, const Epilogue &how, std::int8_t *const *out) {
  __m256i acc[rows][2];
  for (int r = 0; r < rows; ++r)
    acc[r][0] = acc[r][1] = _mm256_set1_epi32(row_terms ? row_terms[r] : 0);
  for (std::int64_t step = 0; step < steps; ++step) {
    const __m256i b0 = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(rhs + step * panel * unit));
    const __m256i b1 = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(rhs + step * panel * unit + 16));
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      std::int32_t pair;
      __builtin_memcpy(&pair, lhs + (r * steps + step) * unit, sizeof pair);
      const __m256i a = _mm256_set1_epi32(pair);
      acc[r][0] = _mm256_add_epi32(acc[r][0], _mm256_madd_epi16(a, b0));
      acc[r][1] = _mm256_add_epi32(acc[r][1], _mm256_madd_epi16(a, b1));
    }
  }
  for (int r = 0; r < rows; ++r)
    store(acc[r][0], acc[r][1], how, first, count, out[r]);
}

void product(const void *lhs, std::int64_t rows, const void *packed, std::int64_t columns, std::int64_t depth, const std::int32_t *row_terms,
             const Epilogue &how, std::int8_t *const *out) {
  const std::int64_t steps = steps_of(depth), pitch = steps * unit;
  const auto *left = static_cast<const std::int16_t *>(lhs);
  const auto *right = static_cast<const std::int16_t *>(packed);
  for (std::int64_t first = 0; first < columns; first += panel, right += panel * pitch) {
    const std::int64_t count = columns - first;
    std::int64_t r = 0;
    for (; r + 4 <= rows; r += 4)
      tile<4>(left + r * pitch, steps, right, first, count, row_terms ? row_terms + r : nullptr, how, out + r);
    for (; r < rows; ++r)
      tile<1>(left + r * pitch, steps, right, first, count, row_terms ? row_terms + r : nullptr, how, out + r);
  }
}

// Blocks of 16 channels; the last one ends with the channels, so it may repeat some of the block before.
inline std::int64_t blocks_of(std::int64_t channels) { return (channels + lanes - 1) / lanes; }
inline std::int64_t start_of(std::int64_t block, std::int64_t channels) {
  return block * lanes + lanes <= channels ? block * lanes : channels - lanes;
}

std::int64_t depthwise_packed(std::int64_t taps, std::int64_t channels) { return blocks_of(channels) * ((taps + 1) / 2) * 2 * lanes; }

constexpr std::int64_t quads[4] = {0, 8, 4, 12};

void pack_depthwise(const std::int8_t *w, std::int64_t taps, std::int64_t channels, std::int64_t tap_stride, std::int64_t channel_stride,
                    std::int32_t zp_w, std::int16_t *packed, std::int32_t *sums) {
  for (std::int64_t c = 0; c < channels; ++c) {
    sums[c] = 0;
    for (std::int64_t t = 0; t < taps; ++t)
      sums[c] += w[t * tap_stride + c * channel_stride] - zp_w;
  }
  for (std::int64_t block = 0; block < blocks_of(channels); ++block)
    for (std::int64_t t = 0; t < taps; t += 2)
      // the order in which unpacklo and unpackhi bring channels: 0..3, 8..11, then 4..7, 12..15, two taps of each
      for (const std::int64_t quad : quads)
        for (std::int64_t i = 0; i < 4; ++i)
          for (std::int64_t u = t; u < t + 2; ++u) {
            const std::int64_t c = start_of(block, channels) + quad + i;
            *packed++ = u < taps ? static_cast<std::int16_t>(w[u * tap_stride + c * channel_stride] - zp_w) : std::int16_t{0};
          }
}

void depthwise(const std::int8_t *const *taps, std::int64_t count, std::int64_t channels, std::int64_t stored, const std::int16_t *packed,
               const Epilogue &how, std::int8_t *out) {
  for (std::int64_t block = 0; block < blocks_of(channels); ++block) {
    const std::int64_t first = start_of(block, channels);
    const auto load = [first](const std::int8_t *tap) {
      return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(tap + first)));
    };
    __m256i low = _mm256_setzero_si256(), high = low;
    for (std::int64_t t = 0; t < count; t += 2, packed += 2 * lanes) {
      const __m256i x0 = load(taps[t]), x1 = t + 1 < count ? load(taps[t + 1]) : _mm256_setzero_si256();
      const __m256i w0 = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(packed));
      const __m256i w1 = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(packed + lanes));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(x0, x1), w0));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(x0, x1), w1));
    }
    if (first < stored)
      store(_mm256_permute2x128_si256(low, high, 0x20), _mm256_permute2x128_si256(low, high, 0x31), how, first, stored - first, out);
  }
}

constexpr Path path{"avx2", unit,   2,       panel,            lanes,          false,    packed_bytes,
                    pack,   spread, product, depthwise_packed, pack_depthwise, depthwise};

} // namespace

const Path &avx2_path() { return path; }

} // namespace npuc
