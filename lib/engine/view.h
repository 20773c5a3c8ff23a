// SPDX-License-Identifier: Apache-2.0
// Operands as the instruction set defines them: a strided NHWC view of bytes, padding and a ring of rows included.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace npuc {

enum Space : std::int64_t { space_none = 0, space_sram = 1, space_dram = 2 };
enum DType : std::int64_t { dtype_i8 = 0, dtype_i16 = 1, dtype_i32 = 2, dtype_ui8 = 5 };

// Channels that stand together where a view lies in bricks.
inline constexpr std::int64_t brick = 16;

struct Memory {
  std::uint8_t *data;
  std::int64_t bytes;
};

// The two memories, by `Space`.
struct Memories {
  Memory of[3];
};

// The numbers of an operand in the order of a descriptor; see `npuc.isa.base.Operand`.
struct View {
  std::int64_t space, dtype, base;
  std::int64_t n, h, w, c;
  std::int64_t stride_n, stride_h, stride_w, stride_c;
  std::int64_t top, bottom, left, right, pad_value;
  std::int64_t ring, first;
  std::int64_t brick_stride;

  bool present() const { return space != space_none; }
  std::int64_t element() const { return dtype == dtype_i8 ? 1 : dtype == dtype_i16 ? 2 : 4; }
  std::int64_t padded_h() const { return h + top + bottom; }
  std::int64_t padded_w() const { return w + left + right; }
  std::int64_t elements() const { return n * h * w * c; }
  bool padded() const { return top || bottom || left || right; }

  // First byte of row `y` of image `i`, both inside the view.
  std::uint8_t *row(const Memories &memories, std::int64_t i, std::int64_t y) const {
    const std::int64_t at = ring ? (first + y) % ring : first + y;
    return memories.of[space].data + base + i * stride_n + at * stride_h;
  }

  // Bytes from the first channel of a pixel to channel `k`.
  std::int64_t channel(std::int64_t k) const {
    return brick_stride ? k / brick * brick_stride + k % brick * stride_c : k * stride_c;
  }
  // Channels of a pixel lie one after the other.
  bool dense_channels() const { return !brick_stride && (c == 1 || stride_c == element()); }
  // A row is one run of bytes.
  bool dense_rows() const { return dense_channels() && (w == 1 || stride_w == c * element()); }
  // The whole view is one run of bytes.
  bool dense() const {
    return dense_rows() && !ring && (h == 1 || stride_h == w * c * element()) && (n == 1 || stride_n == h * w * c * element());
  }
  bool same_bytes(const View &other) const {
    return space == other.space && dtype == other.dtype && base == other.base && n == other.n && h == other.h && w == other.w &&
           c == other.c && stride_n == other.stride_n && stride_h == other.stride_h && stride_w == other.stride_w &&
           stride_c == other.stride_c && ring == other.ring && first == other.first && brick_stride == other.brick_stride;
  }
};

inline constexpr int view_numbers = 19;

// First byte and one past the last one that a view touches.
struct Range {
  std::int64_t low, high;
};
Range range_of(const View &view);

// Whether a view can be walked at all: extents, strides and padding within bounds, every byte inside `bytes`.
bool sound(const View &view, const std::int64_t bytes[3]);

// The row `y` (padding counted) of image `i` as i32, padding included: padded_w() * c values.
void read_row(const View &view, const Memories &memories, std::int64_t i, std::int64_t y, std::int32_t *to);
// The whole of a small view as i32, without padding.
void read_all(const View &view, const Memories &memories, std::int32_t *to);

// dst = src of one element size, padding of src included.
void move(const View &src, const View &dst, const Memories &memories, bool apart);
// Every element of dst becomes `value`.
void fill(const View &dst, const Memories &memories, std::int64_t value);

// An i8 input whose pixels are contiguous: the view itself, or a dense copy where its channels are not.
class Pixels {
public:
  // channels: at least so many can be read at each pixel; where the view has fewer, they are copied apart, zeros behind.
  // repeat: every channel stands `repeat` times.
  Pixels(const View &view, const Memories &memories, std::int64_t channels, std::int64_t repeat, std::vector<std::int8_t> &scratch);
  // Row `y` inside the image.
  const std::int8_t *row(std::int64_t i, std::int64_t y) const {
    return copy ? copy + (i * view.h + y) * view.w * pitch : reinterpret_cast<const std::int8_t *>(view.row(memories, i, y));
  }
  std::int64_t pitch; // bytes from a pixel to its right neighbour

private:
  const View &view;
  const Memories &memories;
  const std::int8_t *copy;
};

// An i8 output that is written pixel by pixel: in place, or in a copy that `finish` scatters.
class Output {
public:
  Output(const View &view, const Memories &memories, bool apart, std::vector<std::int8_t> &scratch);
  std::int8_t *pixel(std::int64_t i, std::int64_t y, std::int64_t x) const {
    return copy ? copy + ((i * view.h + y) * view.w + x) * view.c
                : reinterpret_cast<std::int8_t *>(view.row(memories, i, y)) + x * view.stride_w;
  }
  void finish() const;

private:
  const View &view;
  const Memories &memories;
  std::int8_t *copy;
};

} // namespace npuc
