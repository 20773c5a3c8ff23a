// SPDX-License-Identifier: Apache-2.0
#include "view.h"

#include <algorithm>

namespace npuc {
namespace {

// Bounds as `npuc.isa.legality` sets them; below them no product here leaves i64.
constexpr std::int64_t max_extent = std::int64_t{1} << 24;
constexpr std::int64_t max_elements = std::int64_t{1} << 27;
constexpr std::int64_t max_stride = std::int64_t{1} << 33;
constexpr std::int64_t max_base = std::int64_t{1} << 40;

std::int32_t load(const std::uint8_t *from, std::int64_t dtype) {
  if (dtype == dtype_i8)
    return static_cast<std::int8_t>(*from);
  if (dtype == dtype_i16) {
    std::int16_t value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  std::int32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <int size> void copy_strided(const std::uint8_t *from, std::int64_t step, std::uint8_t *to, std::int64_t to_step, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i, from += step, to += to_step)
    std::memcpy(to, from, size);
}

void copy_elements(const std::uint8_t *from, std::int64_t step, std::uint8_t *to, std::int64_t to_step, std::int64_t count, std::int64_t size) {
  if (size == 1)
    copy_strided<1>(from, step, to, to_step, count);
  else if (size == 2)
    copy_strided<2>(from, step, to, to_step, count);
  else
    copy_strided<4>(from, step, to, to_step, count);
}

// How the pixels of a row follow one another.
struct Line {
  std::int64_t stride_w, stride_c, brick_stride;

  explicit Line(const View &view) : stride_w(view.stride_w), stride_c(view.stride_c), brick_stride(view.brick_stride) {}
  Line(std::int64_t pixel, std::int64_t element) : stride_w(pixel), stride_c(element), brick_stride(0) {}
  // Bytes from a brick to the next.
  std::int64_t step() const { return brick_stride ? brick_stride : brick * stride_c; }
};

// A row of pixels, strides on both sides, none of them in bricks.
void copy_pixels(const std::uint8_t *from, std::int64_t from_w, std::int64_t from_c, std::uint8_t *to, std::int64_t to_w, std::int64_t to_c,
                 std::int64_t width, std::int64_t channels, std::int64_t size) {
  const bool dense_pixels = channels == 1 || (from_c == size && to_c == size);
  if (dense_pixels && (width == 1 || (from_w == channels * size && to_w == channels * size))) {
    std::memcpy(to, from, static_cast<std::size_t>(width * channels * size));
    return;
  }
  if (channels == 1) {
    copy_elements(from, from_w, to, to_w, width, size);
    return;
  }
  // the longer of the two dimensions inside
  if (!dense_pixels && width > channels) {
    for (std::int64_t i = 0; i < channels; ++i)
      copy_elements(from + i * from_c, from_w, to + i * to_c, to_w, width, size);
    return;
  }
  for (std::int64_t x = 0; x < width; ++x, from += from_w, to += to_w)
    if (dense_pixels)
      std::memcpy(to, from, static_cast<std::size_t>(channels * size));
    else
      copy_elements(from, from_c, to, to_c, channels, size);
}

// The same where a side may lie in bricks: then it is copied brick by brick.
void copy_row(const std::uint8_t *from, const Line &source, std::uint8_t *to, const Line &target, std::int64_t width, std::int64_t channels,
              std::int64_t size) {
  const std::int64_t most = source.brick_stride || target.brick_stride ? brick : channels;
  for (std::int64_t done = 0; done < channels; done += most, from += source.step(), to += target.step())
    copy_pixels(from, source.stride_w, source.stride_c, to, target.stride_w, target.stride_c, width, std::min(most, channels - done), size);
}

// The pixels of a row without padding, as i32; brick by brick where it lies so.
void read_pixels(const View &view, const std::uint8_t *from, std::int32_t *to) {
  const std::int64_t most = view.brick_stride ? brick : view.c;
  for (std::int64_t done = 0; done < view.c; done += most) {
    const std::uint8_t *pixel = from + view.channel(done);
    for (std::int64_t x = 0; x < view.w; ++x, pixel += view.stride_w)
      for (std::int64_t c = 0; c < most; ++c)
        to[x * view.c + done + c] = load(pixel + c * view.stride_c, view.dtype);
  }
}

} // namespace

Range range_of(const View &view) {
  const auto reach = [](std::int64_t count, std::int64_t stride) { return (count - 1) * stride; };
  std::int64_t first = view.first, last = view.first + view.h - 1;
  if (view.ring) {
    const std::int64_t start = view.first % view.ring;
    const bool wraps = start + view.h > view.ring;
    first = wraps ? 0 : start;
    last = wraps ? view.ring - 1 : start + view.h - 1;
  }
  Range found{view.base + std::min(first * view.stride_h, last * view.stride_h), view.base + std::max(first * view.stride_h, last * view.stride_h)};
  const std::int64_t in_bricks = view.brick_stride ? reach(view.c / brick, view.brick_stride) : 0;
  const std::int64_t channels = reach(view.brick_stride ? brick : view.c, view.stride_c);
  for (const std::int64_t step : {reach(view.n, view.stride_n), reach(view.w, view.stride_w), in_bricks, channels}) {
    found.low += std::min<std::int64_t>(step, 0);
    found.high += std::max<std::int64_t>(step, 0);
  }
  found.high += view.element();
  return found;
}

bool sound(const View &view, const std::int64_t bytes[3]) {
  if (view.space != space_sram && view.space != space_dram)
    return false;
  if (view.dtype < dtype_i8 || view.dtype > dtype_i32)
    return false;
  for (const std::int64_t extent : {view.n, view.h, view.w, view.c})
    if (extent < 1 || extent > max_extent)
      return false;
  for (const std::int64_t pad : {view.top, view.bottom, view.left, view.right})
    if (pad < 0 || pad > max_extent)
      return false;
  if (view.ring < 0 || view.ring > max_base || view.first < 0 || view.first > max_base)
    return false;
  if (view.ring ? view.h > view.ring : view.first > max_extent)
    return false;
  for (const std::int64_t stride : {view.stride_n, view.stride_h, view.stride_w, view.stride_c, view.brick_stride})
    if (stride < -max_stride || stride > max_stride)
      return false;
  if (view.brick_stride && (view.c % brick || view.stride_c != view.element()))
    return false;
  if (view.base < 0 || view.base > max_base)
    return false;
  std::int64_t elements = 1;
  for (const std::int64_t extent : {view.n, view.padded_h(), view.padded_w(), view.c})
    if ((elements *= extent) > max_elements)
      return false;
  // a ring row beyond 2^24 would leave i64 in the product with its stride, and no memory has so many
  if (view.ring > max_extent)
    return false;
  const std::int64_t bits = view.element() * 8 - 1;
  if (view.pad_value < -(std::int64_t{1} << bits) || view.pad_value >= std::int64_t{1} << bits)
    return false;
  const Range range = range_of(view);
  return range.low >= 0 && range.high <= bytes[view.space];
}

void read_row(const View &view, const Memories &memories, std::int64_t i, std::int64_t y, std::int32_t *to) {
  const auto pad = static_cast<std::int32_t>(view.pad_value);
  const std::int64_t inside = y - view.top;
  if (inside < 0 || inside >= view.h) {
    std::fill_n(to, view.padded_w() * view.c, pad);
    return;
  }
  to = std::fill_n(to, view.left * view.c, pad);
  const std::uint8_t *from = view.row(memories, i, inside);
  if (view.dense_rows() && view.dtype == dtype_i8) {
    const auto *bytes = reinterpret_cast<const std::int8_t *>(from);
    for (std::int64_t x = 0; x < view.w * view.c; ++x)
      to[x] = bytes[x];
    to += view.w * view.c;
  } else {
    read_pixels(view, from, to);
    to += view.w * view.c;
  }
  std::fill_n(to, view.right * view.c, pad);
}

void read_all(const View &view, const Memories &memories, std::int32_t *to) {
  for (std::int64_t i = 0; i < view.n; ++i)
    for (std::int64_t y = 0; y < view.h; ++y) {
      read_pixels(view, view.row(memories, i, y), to);
      to += view.w * view.c;
    }
}

void fill(const View &dst, const Memories &memories, std::int64_t value) {
  const std::int64_t size = dst.element();
  const auto narrow = static_cast<std::int32_t>(value);
  std::uint8_t bytes[4];
  std::memcpy(bytes, &narrow, sizeof bytes); // little-endian, as the memories are
  for (std::int64_t i = 0; i < dst.n; ++i)
    for (std::int64_t y = 0; y < dst.h; ++y) {
      std::uint8_t *to = dst.row(memories, i, y);
      if (size == 1 && dst.dense_rows())
        std::memset(to, bytes[0], static_cast<std::size_t>(dst.w * dst.c));
      else
        copy_row(bytes, Line(0, 0), to, Line(dst), dst.w, dst.c, size);
    }
}

void move(const View &src, const View &dst, const Memories &memories, bool apart) {
  const std::int64_t size = dst.element();
  if (apart) {
    // everything is read before anything is written
    std::vector<std::uint8_t> held(static_cast<std::size_t>(src.elements() * size));
    View between = src;
    between.space = space_sram, between.base = 0, between.ring = 0, between.first = 0, between.brick_stride = 0;
    between.stride_c = size, between.stride_w = src.c * size, between.stride_h = src.w * between.stride_w,
    between.stride_n = src.h * between.stride_h;
    const Memories scratch{{{}, {held.data(), static_cast<std::int64_t>(held.size())}, {}}};
    for (std::int64_t i = 0; i < src.n; ++i)
      for (std::int64_t y = 0; y < src.h; ++y)
        copy_row(src.row(memories, i, y), Line(src), between.row(scratch, i, y), Line(between), src.w, src.c, size);
    if (src.padded())
      fill(dst, memories, src.pad_value);
    for (std::int64_t i = 0; i < src.n; ++i)
      for (std::int64_t y = 0; y < src.h; ++y)
        copy_row(between.row(scratch, i, y), Line(between), dst.row(memories, i, y + src.top) + src.left * dst.stride_w, Line(dst), src.w,
                 src.c, size);
    return;
  }
  if (!src.padded() && src.dense() && dst.dense()) {
    std::memcpy(dst.row(memories, 0, 0), src.row(memories, 0, 0), static_cast<std::size_t>(src.elements() * size));
    return;
  }
  if (src.padded())
    fill(dst, memories, src.pad_value);
  for (std::int64_t i = 0; i < src.n; ++i)
    for (std::int64_t y = 0; y < src.h; ++y)
      copy_row(src.row(memories, i, y), Line(src), dst.row(memories, i, y + src.top) + src.left * dst.stride_w, Line(dst), src.w, src.c,
               size);
}

Pixels::Pixels(const View &source, const Memories &all, std::int64_t channels, std::int64_t repeat, std::vector<std::int8_t> &scratch)
    : pitch(source.stride_w), view(source), memories(all), copy(nullptr) {
  if (source.dense_channels() && repeat == 1 && source.c >= channels)
    return;
  pitch = std::max(channels, source.c * repeat);
  const auto needed = static_cast<std::size_t>(source.n * source.h * source.w * pitch);
  scratch.assign(needed, 0);
  copy = scratch.data();
  std::int8_t *to = scratch.data();
  for (std::int64_t i = 0; i < source.n; ++i)
    for (std::int64_t y = 0; y < source.h; ++y) {
      const std::uint8_t *from = source.row(all, i, y);
      if (repeat == 1) {
        copy_row(from, Line(source), reinterpret_cast<std::uint8_t *>(to), Line(pitch, 1), source.w, source.c, 1);
        to += source.w * pitch;
        continue;
      }
      for (std::int64_t x = 0; x < source.w; ++x, from += source.stride_w, to += pitch)
        for (std::int64_t c = 0; c < source.c; ++c)
          std::memset(to + c * repeat, from[source.channel(c)], static_cast<std::size_t>(repeat));
    }
}

Output::Output(const View &target, const Memories &all, bool apart, std::vector<std::int8_t> &scratch)
    : view(target), memories(all), copy(nullptr) {
  if (!apart && target.dense_channels())
    return;
  scratch.resize(static_cast<std::size_t>(target.elements()));
  copy = scratch.data();
}

void Output::finish() const {
  if (!copy)
    return;
  for (std::int64_t i = 0; i < view.n; ++i)
    for (std::int64_t y = 0; y < view.h; ++y)
      copy_row(reinterpret_cast<const std::uint8_t *>(copy + (i * view.h + y) * view.w * view.c), Line(view.c, 1),
               view.row(memories, i, y), Line(view), view.w, view.c, 1);
}

} // namespace npuc
