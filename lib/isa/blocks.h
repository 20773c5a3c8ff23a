// SPDX-License-Identifier: Apache-2.0
// The best block of a MAC instruction on a spatial array: `_choose_block` of npuc.isa.blocks, number for number.
#pragma once

#include <cstdint>

namespace npuc {

// How the elements of a view follow one another; strides in bytes along H, W, C.
struct ElementLayout {
  std::int64_t dram; // 1: lies in DRAM, 0: in SRAM
  std::int64_t element, stride_h, stride_w, stride_c;
};

// npuc.isa.blocks.MacWork in its own order, and what follows from it on a machine.
struct MacWork {
  std::int64_t images, matrices, out[3], in_channels, groups, channel_step, kernel[2], strides[2], dilation[2], image[2], pads[2];
  ElementLayout ifm, ofm;
  std::int64_t weights_dram;
  std::int64_t output_cycles, sram_params, dram_params; // bytes of scales and table on either port
  std::int64_t steps;                                   // of the array for one product
};

struct Core {
  std::int64_t granule[3], out_channels, in_channels, depthwise_channels;
  std::int64_t input_bytes, weight_bytes, accumulator_bytes;
  std::int64_t sram_burst, sram_cycles, sram_bytes, dram_burst, dram_cycles, dram_bytes; // so many cycles for so many bytes
};

struct ChosenBlock {
  std::int64_t height, width, channels, order; // 0 high: none fits the accumulators
};

ChosenBlock choose_block(const MacWork &work, const Core &core);

} // namespace npuc
