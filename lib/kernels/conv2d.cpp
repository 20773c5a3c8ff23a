// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <vector>

#include "dot.h"
#include "kernels.h"

namespace npuc {
namespace {

// One row of output positions as a matrix: patches[ow, (ky,kx,c)], zero where the window leaves the image.
// image: i16 [H,W,C] of one batch entry; channels first_channel .. first_channel+depth are taken.
void gather_row(const std::int16_t *image, const Image &shape, const Window &window, std::int64_t oh, std::int64_t first_channel,
                std::int64_t depth, std::int16_t *patches) {
  const std::size_t bytes = static_cast<std::size_t>(depth) * sizeof(std::int16_t);
  for (std::int64_t ow = 0; ow < window.out_w; ++ow)
    for (std::int64_t ky = 0; ky < window.kernel_h; ++ky) {
      const std::int64_t y = oh * window.stride_h - window.pad_top + ky * window.dilation_h;
      const bool row_inside = y >= 0 && y < shape.height;
      for (std::int64_t kx = 0; kx < window.kernel_w; ++kx, patches += depth) {
        const std::int64_t x = ow * window.stride_w - window.pad_left + kx * window.dilation_w;
        if (row_inside && x >= 0 && x < shape.width)
          std::memcpy(patches, image + (y * shape.width + x) * shape.channels + first_channel, bytes);
        else
          std::memset(patches, 0, bytes);
      }
    }
}

} // namespace

void conv2d_acc(const std::int8_t *x, const Image &image, const std::int8_t *w, const Window &window, std::int64_t groups,
                std::int64_t out_channels, std::int32_t zp_x, std::int32_t zp_w, const std::int32_t *bias, std::int32_t *out) {
  const std::int64_t group_in = image.channels / groups;
  const std::int64_t group_out = out_channels / groups;
  const std::int64_t depth = window.kernel_h * window.kernel_w * group_in;
  const std::int64_t image_size = image.height * image.width * image.channels;

  std::vector<std::int16_t> weights(static_cast<std::size_t>(out_channels * depth));
  std::vector<std::int16_t> wide(static_cast<std::size_t>(image_size));
  std::vector<std::int16_t> patches(static_cast<std::size_t>(window.out_w * depth));
  widen(w, out_channels * depth, zp_w, weights.data());

  for (std::int64_t n = 0; n < image.batch; ++n) {
    widen(x + n * image_size, image_size, zp_x, wide.data());
    for (std::int64_t oh = 0; oh < window.out_h; ++oh, out += window.out_w * out_channels)
      for (std::int64_t g = 0; g < groups; ++g) {
        gather_row(wide.data(), image, window, oh, g * group_in, group_in, patches.data());
        dot_rows(patches.data(), window.out_w, weights.data() + g * group_out * depth, group_out, depth,
                 bias ? bias + g * group_out : nullptr, out + g * group_out, out_channels);
      }
  }
}

} // namespace npuc
