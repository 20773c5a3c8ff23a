// SPDX-License-Identifier: Apache-2.0
// The Python face of the kernels: checks every argument, releases the GIL, calls.
#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "bindings.h"
#include "kernels/kernels.h"

namespace nb = nanobind;

namespace {

using Array = nb::ndarray<nb::ro, nb::device::cpu>;
using Pair = std::array<std::int64_t, 2>;
using Pads = std::array<std::int64_t, 4>;

[[noreturn]] void refuse(const std::string &text) { throw nb::value_error(text.c_str()); }

std::string dtype_name(nb::dlpack::dtype type) {
  const char *kind = "other";
  switch (static_cast<nb::dlpack::dtype_code>(type.code)) {
  case nb::dlpack::dtype_code::Int: kind = "int"; break;
  case nb::dlpack::dtype_code::UInt: kind = "uint"; break;
  case nb::dlpack::dtype_code::Float: kind = "float"; break;
  case nb::dlpack::dtype_code::Bool: kind = "bool"; break;
  default: break;
  }
  return kind + std::to_string(type.bits);
}

std::string shape_name(const Array &array) {
  std::string text = "(";
  for (std::size_t i = 0; i < array.ndim(); ++i)
    text += (i ? ", " : "") + std::to_string(array.shape(i));
  return text + ")";
}

// The data of `array` once dtype, rank (any if rank < 0), extents and layout are as wanted.
template <typename T> const T *checked(const Array &array, const char *name, int rank) {
  const std::string subject = name;
  if (array.dtype() != nb::dtype<T>()) {
    const std::string text = subject + ": dtype is " + dtype_name(array.dtype()) + ", wanted " + dtype_name(nb::dtype<T>());
    throw nb::type_error(text.c_str());
  }
  if (rank >= 0 && array.ndim() != static_cast<std::size_t>(rank))
    refuse(subject + ": shape is " + shape_name(array) + ", wanted " + std::to_string(rank) + " dimensions");
  std::int64_t stride = 1;
  for (std::size_t i = array.ndim(); i-- > 0;) {
    if (array.shape(i) == 0)
      refuse(subject + ": shape is " + shape_name(array) + ", wanted every extent at least 1");
    if (array.shape(i) != 1 && array.stride(i) != stride)
      refuse(subject + ": not C-contiguous, wanted numpy.ascontiguousarray(" + subject + ")");
    stride *= static_cast<std::int64_t>(array.shape(i));
  }
  return static_cast<const T *>(array.data());
}

void check_range(const char *name, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value < low || value > high)
    refuse(std::string(name) + " is " + std::to_string(value) + ", wanted " + std::to_string(low) + ".." + std::to_string(high));
}

std::int64_t extent(const Array &array, std::size_t i) { return static_cast<std::int64_t>(array.shape(i)); }

const std::int32_t *checked_bias(const std::optional<Array> &bias, std::int64_t channels) {
  if (!bias)
    return nullptr;
  const auto *data = checked<std::int32_t>(*bias, "bias", 1);
  if (extent(*bias, 0) != channels)
    refuse("bias: shape is " + shape_name(*bias) + ", wanted (" + std::to_string(channels) + ",)");
  return data;
}

// Larger window parameters describe no image that fits in memory; below this bound no index arithmetic can overflow i64.
constexpr std::int64_t window_limit = std::int64_t{1} << 24;

npuc::Window checked_window(std::int64_t height, std::int64_t width, std::int64_t kernel_h, std::int64_t kernel_w, const Pair &strides,
                            const Pair &dilation, const Pads &pads) {
  for (const std::int64_t stride : strides)
    check_range("strides", stride, 1, window_limit);
  for (const std::int64_t step : dilation)
    check_range("dilation", step, 1, window_limit);
  for (const std::int64_t pad : pads)
    check_range("pads", pad, 0, window_limit);
  const std::int64_t free_h = height + pads[0] + pads[1] - (dilation[0] * (kernel_h - 1) + 1);
  const std::int64_t free_w = width + pads[2] + pads[3] - (dilation[1] * (kernel_w - 1) + 1);
  if (free_h < 0 || free_w < 0)
    refuse("w: the dilated kernel is larger than the padded image (rows short: " + std::to_string(free_h < 0 ? -free_h : 0) +
           ", columns short: " + std::to_string(free_w < 0 ? -free_w : 0) + ")");
  return npuc::Window{kernel_h,    kernel_w,    strides[0], strides[1], dilation[0],
                      dilation[1], pads[0],     pads[2],    free_h / strides[0] + 1, free_w / strides[1] + 1};
}

// A new numpy array of the given shape, owner of its memory; `data` is where to write.
template <typename T, std::size_t rank> struct NewArray {
  std::unique_ptr<T[]> memory;
  std::array<std::size_t, rank> shape;

  explicit NewArray(const std::array<std::int64_t, rank> &extents) : shape{} {
    std::size_t count = 1;
    for (std::size_t i = 0; i < rank; ++i) {
      shape[i] = static_cast<std::size_t>(extents[i]);
      if (__builtin_mul_overflow(count, shape[i], &count) || count > (std::size_t{1} << 48))
        throw std::bad_alloc();
    }
    memory.reset(new T[count]);
  }
  nb::ndarray<nb::numpy, T> give() {
    T *data = memory.release();
    const nb::capsule owner(data, [](void *p) noexcept { delete[] static_cast<T *>(p); });
    return nb::ndarray<nb::numpy, T>(data, rank, shape.data(), owner);
  }
};

nb::ndarray<nb::numpy, std::int32_t> conv2d_acc(const Array &x, const Array &w, std::int64_t zp_x, std::int64_t zp_w,
                                                const std::optional<Array> &bias, const Pair &strides, const Pair &dilation,
                                                const Pads &pads, std::int64_t groups) {
  const auto *x_data = checked<std::int8_t>(x, "x", 4);
  const auto *w_data = checked<std::int8_t>(w, "w", 4);
  check_range("zp_x", zp_x, -128, 127);
  check_range("zp_w", zp_w, -128, 127);
  const npuc::Image image{extent(x, 0), extent(x, 1), extent(x, 2), extent(x, 3)};
  const std::int64_t out_channels = extent(w, 0);
  if (groups < 1 || image.channels % groups || out_channels % groups)
    refuse("groups is " + std::to_string(groups) + ", wanted a divisor of the input channels (" + std::to_string(image.channels) +
           ") and of the output channels (" + std::to_string(out_channels) + ")");
  if (extent(w, 3) * groups != image.channels)
    refuse("w: input channels per group are " + std::to_string(extent(w, 3)) + ", wanted " + std::to_string(image.channels / groups));
  const auto *bias_data = checked_bias(bias, out_channels);
  const npuc::Window window = checked_window(image.height, image.width, extent(w, 1), extent(w, 2), strides, dilation, pads);

  NewArray<std::int32_t, 4> out({image.batch, window.out_h, window.out_w, out_channels});
  {
    const nb::gil_scoped_release free_gil;
    npuc::conv2d_acc(x_data, image, w_data, window, groups, out_channels, static_cast<std::int32_t>(zp_x), static_cast<std::int32_t>(zp_w),
                     bias_data, out.memory.get());
  }
  return out.give();
}

nb::ndarray<nb::numpy, std::int32_t> depthwise_acc(const Array &x, const Array &w, std::int64_t zp_x, std::int64_t zp_w,
                                                   const std::optional<Array> &bias, const Pair &strides, const Pair &dilation,
                                                   const Pads &pads) {
  const auto *x_data = checked<std::int8_t>(x, "x", 4);
  const auto *w_data = checked<std::int8_t>(w, "w", 3);
  check_range("zp_x", zp_x, -128, 127);
  check_range("zp_w", zp_w, -128, 127);
  const npuc::Image image{extent(x, 0), extent(x, 1), extent(x, 2), extent(x, 3)};
  const std::int64_t out_channels = extent(w, 2);
  if (out_channels % image.channels)
    refuse("w: output channels are " + std::to_string(out_channels) + ", wanted a multiple of the input channels (" +
           std::to_string(image.channels) + ")");
  const auto *bias_data = checked_bias(bias, out_channels);
  const npuc::Window window = checked_window(image.height, image.width, extent(w, 0), extent(w, 1), strides, dilation, pads);

  NewArray<std::int32_t, 4> out({image.batch, window.out_h, window.out_w, out_channels});
  {
    const nb::gil_scoped_release free_gil;
    npuc::depthwise_acc(x_data, image, w_data, window, out_channels / image.channels, static_cast<std::int32_t>(zp_x),
                        static_cast<std::int32_t>(zp_w), bias_data, out.memory.get());
  }
  return out.give();
}

nb::ndarray<nb::numpy, std::int32_t> matmul_acc(const Array &a, const Array &b, std::int64_t zp_a, std::int64_t zp_b) {
  const auto *a_data = checked<std::int8_t>(a, "a", 3);
  const auto *b_data = checked<std::int8_t>(b, "b", 3);
  check_range("zp_a", zp_a, -128, 127);
  check_range("zp_b", zp_b, -128, 127);
  if (extent(a, 0) != extent(b, 0) || extent(a, 2) != extent(b, 1))
    refuse("b: shape is " + shape_name(b) + ", wanted (" + std::to_string(extent(a, 0)) + ", " + std::to_string(extent(a, 2)) + ", N)");

  NewArray<std::int32_t, 3> out({extent(a, 0), extent(a, 1), extent(b, 2)});
  {
    const nb::gil_scoped_release free_gil;
    npuc::matmul_acc(a_data, b_data, extent(a, 0), extent(a, 1), extent(a, 2), extent(b, 2), static_cast<std::int32_t>(zp_a),
                     static_cast<std::int32_t>(zp_b), out.memory.get());
  }
  return out.give();
}

nb::ndarray<nb::numpy, std::int8_t> rescale(const Array &acc, const Array &multiplier, const Array &shift, std::int64_t zp_out,
                                            std::int64_t lo, std::int64_t hi, bool double_round) {
  const auto *acc_data = checked<std::int32_t>(acc, "acc", -1);
  const auto *multiplier_data = checked<std::int32_t>(multiplier, "multiplier", 1);
  const auto *shift_data = checked<std::int32_t>(shift, "shift", 1);
  if (acc.ndim() < 1)
    refuse("acc: shape is (), wanted at least 1 dimension");
  check_range("zp_out", zp_out, -128, 127);
  check_range("lo", lo, -128, 127);
  check_range("hi", hi, lo, 127);
  const std::int64_t channels = extent(acc, acc.ndim() - 1);
  const std::int64_t scales = extent(multiplier, 0);
  if (scales != 1 && scales != channels)
    refuse("multiplier: " + std::to_string(scales) + " values, wanted 1 or the channels of acc (" + std::to_string(channels) + ")");
  if (extent(shift, 0) != scales)
    refuse("shift: " + std::to_string(extent(shift, 0)) + " values, wanted as many as multiplier (" + std::to_string(scales) + ")");
  for (std::int64_t i = 0; i < scales; ++i) {
    check_range("multiplier", multiplier_data[i], 0, INT32_MAX);
    if (multiplier_data[i])
      check_range("shift", shift_data[i], 2, 62);
  }

  // Rank is free: the shape is kept as it came.
  const std::int64_t count = static_cast<std::int64_t>(acc.size());
  std::unique_ptr<std::int8_t[]> memory(new std::int8_t[acc.size()]);
  const npuc::Rescale how{multiplier_data,
                          shift_data,
                          scales != 1,
                          double_round,
                          static_cast<std::int32_t>(zp_out),
                          static_cast<std::int32_t>(lo),
                          static_cast<std::int32_t>(hi)};
  {
    const nb::gil_scoped_release free_gil;
    npuc::rescale(acc_data, count / channels, channels, how, memory.get());
  }
  std::int8_t *data = memory.release();
  const nb::capsule owner(data, [](void *p) noexcept { delete[] static_cast<std::int8_t *>(p); });
  return nb::ndarray<nb::numpy, std::int8_t>(data, acc.ndim(), reinterpret_cast<const std::size_t *>(acc.shape_ptr()), owner);
}

} // namespace

NB_MODULE(_native, m) {
  using namespace nb::literals;
  m.doc() = "Exact int8 kernels in C++. Arrays are C-contiguous numpy arrays; results are new arrays; the GIL is released.";

  m.def("conv2d_acc", &conv2d_acc, "x"_a, "w"_a, "zp_x"_a, "zp_w"_a, "bias"_a.none() = nb::none(), "strides"_a = Pair{1, 1},
        "dilation"_a = Pair{1, 1}, "pads"_a = Pads{0, 0, 0, 0}, "groups"_a = 1,
        "Convolution up to the accumulator: sum of (x - zp_x) * (w - zp_w), plus bias.\n\n"
        "x: int8 [N,H,W,C]; w: int8 [O,KH,KW,C/groups]; bias: int32 [O] or None; strides, dilation: (h, w);\n"
        "pads: (top, bottom, left, right), padding contributes 0. Returns int32 [N,OH,OW,O], wrapped modulo 2**32,\n"
        "with OH = (H + top + bottom - dilation_h * (KH - 1) - 1) // stride_h + 1 (OW alike).\n"
        "TypeError for a wrong dtype, ValueError for a wrong shape, layout or value.");
  m.def("depthwise_acc", &depthwise_acc, "x"_a, "w"_a, "zp_x"_a, "zp_w"_a, "bias"_a.none() = nb::none(), "strides"_a = Pair{1, 1},
        "dilation"_a = Pair{1, 1}, "pads"_a = Pads{0, 0, 0, 0},
        "Depthwise convolution up to the accumulator; output channel c*M+m reads input channel c.\n\n"
        "x: int8 [N,H,W,C]; w: int8 [KH,KW,C*M]; bias: int32 [C*M] or None; otherwise as conv2d_acc.\n"
        "Returns int32 [N,OH,OW,C*M].");
  m.def("matmul_acc", &matmul_acc, "a"_a, "b"_a, "zp_a"_a, "zp_b"_a,
        "Matrix product up to the accumulator: sum over k of (a - zp_a) * (b - zp_b).\n\n"
        "a: int8 [B,M,K]; b: int8 [B,K,N]. Returns int32 [B,M,N], wrapped modulo 2**32. Errors as conv2d_acc.");
  m.def("rescale", &rescale, "acc"_a, "multiplier"_a, "shift"_a, "zp_out"_a, "lo"_a, "hi"_a, "double_round"_a = false,
        "clamp(((acc * multiplier + round) >> shift) + zp_out, lo, hi) in 64-bit integers, round = 1 << (shift - 1);\n"
        "double_round adds (1 << 30) where acc >= 0, else subtracts it, where shift > 31.\n\n"
        "acc: int32 [...,C]; multiplier: int32 [C] or [1], each >= 0 (0: the result is zp_out, clamped);\n"
        "shift: int32, as many, each 2..62; zp_out, lo, hi within int8. Returns int8 of acc's shape. Errors as conv2d_acc.");
  bind_engine(m);
  bind_numerics(m);
  bind_plan(m);
}
