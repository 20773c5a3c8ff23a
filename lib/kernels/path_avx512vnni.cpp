// SPDX-License-Identifier: Apache-2.0
// AVX-512 VNNI: four u8 x i8 products a lane and step. Compiled with its own flags; what holds for path_avx2.cpp holds here.
#include <immintrin.h>

#include "path.h"

namespace npuc {
namespace {

constexpr std::int64_t panel = 32;
constexpr std::int64_t unit = 4;
constexpr std::int64_t lanes = 32;

inline std::int64_t steps_of(std::int64_t depth) { return (depth + unit - 1) / unit; }

// (v * multiplier + round +- extra) >> shift, clamped, of the even 32-bit lanes of v.
inline __m512i scale_even(__m512i v, __m512i multiplier, __m512i shift, __m512i round, __m512i extra, __m512i low, __m512i high) {
  const __m512i product = _mm512_mul_epi32(v, multiplier);
  const __mmask8 negative = _mm512_movepi64_mask(product);
  const __m512i rounded = _mm512_add_epi64(product, round);
  const __m512i sum = _mm512_mask_sub_epi64(_mm512_add_epi64(rounded, extra), negative, rounded, extra);
  return _mm512_min_epi64(_mm512_max_epi64(_mm512_srav_epi64(sum, shift), low), high);
}

// Sixteen accumulators of columns o .. o+15 to `count` bytes at out[o].
inline void store(__m512i acc, const Epilogue &how, std::int64_t o, std::int64_t count, std::int8_t *out) {
  const __m512i low = _mm512_set1_epi64(std::int64_t{how.lo} - how.zp_out), high = _mm512_set1_epi64(std::int64_t{how.hi} - how.zp_out);
  const __m512i v = _mm512_add_epi32(acc, _mm512_loadu_si512(how.bias + o)), m = _mm512_loadu_si512(how.multiplier + o);
  const __m512i evens = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), odds = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
  const __m512i s0 = _mm512_loadu_si512(how.shift + o), s1 = _mm512_loadu_si512(how.shift + o + 8);
  const __m512i r0 = _mm512_loadu_si512(how.round + o), r1 = _mm512_loadu_si512(how.round + o + 8);
  const __m512i e0 = _mm512_loadu_si512(how.extra + o), e1 = _mm512_loadu_si512(how.extra + o + 8);
  const auto pick = [](__m512i a, __m512i which, __m512i b) { return _mm512_permutex2var_epi64(a, which, b); };
  const __m512i even = scale_even(v, m, pick(s0, evens, s1), pick(r0, evens, r1), pick(e0, evens, e1), low, high);
  const __m512i odd = scale_even(_mm512_srli_epi64(v, 32), _mm512_srli_epi64(m, 32), pick(s0, odds, s1), pick(r0, odds, r1),
                                 pick(e0, odds, e1), low, high);
  const __m512i y = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
  const __mmask16 kept = count >= 16 ? static_cast<__mmask16>(0xFFFF) : static_cast<__mmask16>((1u << count) - 1u);
  _mm512_mask_cvtsepi32_storeu_epi8(out + o, kept, _mm512_add_epi32(y, _mm512_set1_epi32(how.zp_out)));
}

std::int64_t packed_bytes(std::int64_t columns, std::int64_t depth) { return (columns + panel - 1) / panel * panel * steps_of(depth) * unit; }

void pack(const std::int8_t *w, std::int64_t columns, std::int64_t depth, std::int64_t column_stride, std::int64_t depth_stride,
          std::int32_t, void *packed, std::int32_t *sums) {
  auto *to = static_cast<std::int8_t *>(packed);
  for (std::int64_t o = 0; o < columns; ++o)
    sums[o] = 0;
  for (std::int64_t first = 0; first < columns; first += panel)
    for (std::int64_t k = 0; k < depth; k += unit)
      for (std::int64_t o = first; o < first + panel; ++o)
        for (std::int64_t u = k; u < k + unit; ++u, ++to) {
          *to = 0;
          if (o < columns && u < depth) {
            *to = w[o * column_stride + u * depth_stride];
            sums[o] += *to;
          }
        }
}

void spread(const std::int8_t *from, std::int64_t depth, std::int32_t, void *to) {
  auto *bytes = static_cast<std::int8_t *>(to);
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(-128));
  std::int64_t k = 0;
  for (; k + 64 <= depth; k += 64)
    _mm512_storeu_si512(bytes + k, _mm512_xor_si512(_mm512_loadu_si512(from + k), flip));
  if (k < depth) {
    const __mmask64 rest = (std::uint64_t{1} << (depth - k)) - 1;
    const std::int64_t whole = steps_of(depth) * unit - k;
    const __mmask64 kept = whole >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << whole) - 1;
    _mm512_mask_storeu_epi8(bytes + k, kept, _mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, from + k), flip));
  }
}

template <int rows, int vectors>
void tile(const std::uint8_t *lhs, std::int64_t steps, const std::int8_t *rhs, std::int64_t first, std::int64_t count,
          const std::int32_t *row_terms, const Epilogue &how, std::int8_t *const *out) {
  __m512i acc[rows][vectors];
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < vectors; ++v)
      acc[r][v] = _mm512_set1_epi32(row_terms ? row_terms[r] : 0);
  for (std::int64_t step = 0; step < steps; ++step) {
    __m512i b[vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v)
      b[v] = _mm512_loadu_si512(rhs + step * panel * unit + v * 64);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      std::int32_t four;
      __builtin_memcpy(&four, lhs + (r * steps + step) * unit, sizeof four);
      const __m512i a = _mm512_set1_epi32(four);
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v)
        acc[r][v] = _mm512_dpbusd_epi32(acc[r][v], a, b[v]);
    }
  }
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < vectors; ++v)
      store(acc[r][v], how, first + v * 16, count - v * 16, out[r]);
}

template <int vectors>
void panel_rows(const std::uint8_t *left, std::int64_t rows, std::int64_t steps, const std::int8_t *right, std::int64_t first,
                std::int64_t count, const std::int32_t *row_terms, const Epilogue &how, std::int8_t *const *out) {
  std::int64_t r = 0;
  const auto terms = [row_terms](std::int64_t at) { return row_terms ? row_terms + at : nullptr; };
  for (; r + 8 <= rows; r += 8)
    tile<8, vectors>(left + r * steps * unit, steps, right, first, count, terms(r), how, out + r);
  for (; r + 4 <= rows; r += 4)
    tile<4, vectors>(left + r * steps * unit, steps, right, first, count, terms(r), how, out + r);
  for (; r < rows; ++r)
    tile<1, vectors>(left + r * steps * unit, steps, right, first, count, terms(r), how, out + r);
}

void product(const void *lhs, std::int64_t rows, const void *packed, std::int64_t columns, std::int64_t depth, const std::int32_t *row_terms,
             const Epilogue &how, std::int8_t *const *out) {
  const std::int64_t steps = steps_of(depth);
  const auto *left = static_cast<const std::uint8_t *>(lhs);
  const auto *right = static_cast<const std::int8_t *>(packed);
  for (std::int64_t first = 0; first < columns; first += panel, right += panel * steps * unit) {
    const std::int64_t count = columns - first;
    if (count > 16)
      panel_rows<2>(left, rows, steps, right, first, count, row_terms, how, out);
    else
      panel_rows<1>(left, rows, steps, right, first, count, row_terms, how, out);
  }
}

// Blocks of 32 channels; the last one ends with the channels, so it may repeat some of the block before.
inline std::int64_t blocks_of(std::int64_t channels) { return (channels + lanes - 1) / lanes; }
inline std::int64_t start_of(std::int64_t block, std::int64_t channels) {
  return block * lanes + lanes <= channels ? block * lanes : channels - lanes;
}

std::int64_t depthwise_packed(std::int64_t taps, std::int64_t channels) { return blocks_of(channels) * ((taps + 1) / 2) * 2 * lanes; }

constexpr std::int64_t quads[8] = {0, 8, 16, 24, 4, 12, 20, 28};

void pack_depthwise(const std::int8_t *w, std::int64_t taps, std::int64_t channels, std::int64_t tap_stride, std::int64_t channel_stride,
                    std::int32_t zp_w, std::int16_t *packed, std::int32_t *sums) {
  for (std::int64_t c = 0; c < channels; ++c) {
    sums[c] = 0;
    for (std::int64_t t = 0; t < taps; ++t)
      sums[c] += w[t * tap_stride + c * channel_stride] - zp_w;
  }
  for (std::int64_t block = 0; block < blocks_of(channels); ++block)
    for (std::int64_t t = 0; t < taps; t += 2)
      // the order in which unpacklo and unpackhi bring channels, two taps of each
      for (const std::int64_t quad : quads)
        for (std::int64_t i = 0; i < 4; ++i)
          for (std::int64_t u = t; u < t + 2; ++u) {
            const std::int64_t c = start_of(block, channels) + quad + i;
            *packed++ = u < taps ? static_cast<std::int16_t>(w[u * tap_stride + c * channel_stride] - zp_w) : std::int16_t{0};
          }
}

void depthwise(const std::int8_t *const *taps, std::int64_t count, std::int64_t channels, std::int64_t stored, const std::int16_t *packed,
               const Epilogue &how, std::int8_t *out) {
  const __m512i first_half = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0), second_half = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
  for (std::int64_t block = 0; block < blocks_of(channels); ++block) {
    const std::int64_t first = start_of(block, channels);
    const auto load = [first](const std::int8_t *tap) {
      return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(tap + first)));
    };
    __m512i low = _mm512_setzero_si512(), high = low;
    for (std::int64_t t = 0; t < count; t += 2, packed += 2 * lanes) {
      const __m512i x0 = load(taps[t]), x1 = t + 1 < count ? load(taps[t + 1]) : _mm512_setzero_si512();
      low = _mm512_dpwssd_epi32(low, _mm512_unpacklo_epi16(x0, x1), _mm512_loadu_si512(packed));
      high = _mm512_dpwssd_epi32(high, _mm512_unpackhi_epi16(x0, x1), _mm512_loadu_si512(packed + lanes));
    }
    if (first < stored)
      store(_mm512_permutex2var_epi64(low, first_half, high), how, first, stored - first, out);
    if (first + 16 < stored)
      store(_mm512_permutex2var_epi64(low, second_half, high), how, first + 16, stored - first - 16, out);
  }
}

constexpr Path path{"avx512vnni", unit,   1,       panel,            lanes,          true,     packed_bytes,
                    pack,         spread, product, depthwise_packed, pack_depthwise, depthwise};

} // namespace

const Path &avx512vnni_path() { return path; }

} // namespace npuc
