// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "dot.h"
#include "kernels.h"

namespace npuc {

void depthwise_acc(const std::int8_t *x, const Image &image, const std::int8_t *w, const Window &window, std::int64_t channel_multiplier,
                   std::int32_t zp_x, std::int32_t zp_w, const std::int32_t *bias, std::int32_t *out) {
  const std::int64_t out_channels = image.channels * channel_multiplier;
  const std::int64_t pixels = image.height * image.width;

  std::vector<std::int16_t> weights(static_cast<std::size_t>(window.kernel_h * window.kernel_w * out_channels));
  widen(w, window.kernel_h * window.kernel_w * out_channels, zp_w, weights.data());
  // Each input channel is repeated channel_multiplier times, so that the inner loop walks inputs, weights and sums alike.
  std::vector<std::int16_t> wide(static_cast<std::size_t>(pixels * out_channels));

  for (std::int64_t n = 0; n < image.batch; ++n, x += pixels * image.channels) {
    if (channel_multiplier == 1)
      widen(x, pixels * image.channels, zp_x, wide.data());
    else
      for (std::int64_t i = 0; i < pixels * image.channels; ++i)
        std::fill_n(wide.data() + i * channel_multiplier, channel_multiplier, static_cast<std::int16_t>(x[i] - zp_x));

    for (std::int64_t oh = 0; oh < window.out_h; ++oh)
      for (std::int64_t ow = 0; ow < window.out_w; ++ow, out += out_channels) {
        if (bias)
          std::copy_n(bias, out_channels, out);
        else
          std::fill_n(out, out_channels, 0);
        for (std::int64_t ky = 0; ky < window.kernel_h; ++ky) {
          const std::int64_t row = oh * window.stride_h - window.pad_top + ky * window.dilation_h;
          if (row < 0 || row >= image.height)
            continue;
          for (std::int64_t kx = 0; kx < window.kernel_w; ++kx) {
            const std::int64_t column = ow * window.stride_w - window.pad_left + kx * window.dilation_w;
            if (column < 0 || column >= image.width)
              continue;
            const std::int16_t *from = wide.data() + (row * image.width + column) * out_channels;
            const std::int16_t *weight = weights.data() + (ky * window.kernel_w + kx) * out_channels;
            for (std::int64_t o = 0; o < out_channels; ++o)
              out[o] += from[o] * weight[o];
          }
        }
      }
  }
}

} // namespace npuc
