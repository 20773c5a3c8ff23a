// SPDX-License-Identifier: Apache-2.0
#include "blocks.h"

#include <algorithm>
#include <array>
#include <functional>
#include <tuple>
#include <vector>

namespace npuc {
namespace {

std::int64_t ceil_div(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

struct Piece {
  std::int64_t size, count;
};
using Pieces = std::vector<Piece>;

// The blocks along one output dimension.
Pieces pieces(std::int64_t extent, std::int64_t step) {
  Pieces found;
  if (extent >= step)
    found.push_back({step, extent / step});
  if (extent % step)
    found.push_back({extent % step, 1});
  return found;
}

// The inputs under the blocks along one dimension, clipped to the image; equal neighbours are one piece.
Pieces input_pieces(std::int64_t out, std::int64_t step, std::int64_t stride, std::int64_t reach, std::int64_t before, std::int64_t extent) {
  Pieces found;
  for (std::int64_t start = 0; start < out; start += step) {
    const std::int64_t low = start * stride - before, high = (std::min(start + step, out) - 1) * stride + reach - before;
    const std::int64_t size = std::max<std::int64_t>(0, std::min(high, extent) - std::max<std::int64_t>(low, 0));
    if (!found.empty() && found.back().size == size)
      ++found.back().count;
    else
      found.push_back({size, 1});
  }
  return found;
}

std::int64_t blocks(const Pieces &all) {
  std::int64_t count = 0;
  for (const Piece &one : all)
    count += one.count;
  return count;
}

// Steps of an array that takes `by` at a time.
std::int64_t steps(const Pieces &all, std::int64_t by) {
  std::int64_t count = 0;
  for (const Piece &one : all)
    count += one.count * ceil_div(one.size, by);
  return count;
}

std::int64_t run_bytes(const ElementLayout &layout, std::int64_t height, std::int64_t width, std::int64_t channels, std::int64_t burst) {
  std::int64_t run = layout.element, runs = channels * width * height;
  if (layout.stride_c == run || channels == 1) {
    run *= channels, runs = width * height;
    if ((layout.stride_w > 0 && layout.stride_w <= run) || width == 1) {
      run += (width - 1) * layout.stride_w, runs = height;
      if (layout.stride_h == run || height == 1)
        run *= height, runs = 1;
    }
  }
  return runs * ceil_div(run, burst) * burst;
}

std::int64_t all_bytes(const ElementLayout &layout, const Pieces &rows, const Pieces &columns, const Pieces &depths, std::int64_t burst) {
  std::int64_t total = 0;
  for (const Piece &c : depths)
    for (const Piece &w : columns)
      for (const Piece &h : rows)
        total += run_bytes(layout, h.size, w.size, c.size, burst) * h.count * w.count * c.count;
  return total;
}

// Block extents worth a try, largest first.
std::vector<std::int64_t> extents(std::int64_t extent, std::int64_t granule) {
  const std::int64_t whole = ceil_div(extent, granule);
  std::vector<std::int64_t> found{granule};
  for (const std::int64_t part : {1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512, 1024})
    if (part <= whole)
      found.push_back(ceil_div(whole, part) * granule);
  std::sort(found.begin(), found.end(), std::greater<>());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

class Chooser {
public:
  Chooser(const MacWork &given, const Core &machine) : work(given), core(machine) {
    for (int k = 0; k < 2; ++k)
      reach[k] = (work.kernel[k] - 1) * work.dilation[k] + 1;
    repeats = work.groups * work.images * work.matrices;
    taps = work.kernel[0] * work.kernel[1];
  }

  ChosenBlock best() {
    const auto heights = extents(work.out[0], core.granule[0]), widths = extents(work.out[1], core.granule[1]),
               depths = extents(work.out[2], core.granule[2]);
    const std::int64_t budget = core.accumulator_bytes / 4;
    for (const std::int64_t channels : depths)
      for (const std::int64_t width : widths) {
        const auto fits = [&](std::int64_t height) { return height * width * channels <= budget; };
        const auto first = std::find_if(heights.begin(), heights.end(), fits);
        if (first == heights.end())
          continue;
        // the tallest block has the least halo; the tallest whose input stays on the core saves passes
        const auto kept = std::find_if(first, heights.end(), [&](std::int64_t height) { return input_bytes(height, width, channels) <= core.input_bytes; });
        weigh(*first, width, channels);
        if (kept != heights.end() && kept != first)
          weigh(*kept, width, channels);
      }
    return chosen;
  }

private:
  std::int64_t input_bytes(std::int64_t height, std::int64_t width, std::int64_t channels) const {
    const std::int64_t rows = std::min((std::min(height, work.out[0]) - 1) * work.strides[0] + reach[0], work.image[0]);
    const std::int64_t columns = std::min((std::min(width, work.out[1]) - 1) * work.strides[1] + reach[1], work.image[1]);
    const std::int64_t deep = work.channel_step ? ceil_div(std::min(channels, work.out[2]), work.channel_step) : work.in_channels;
    return rows * columns * deep * work.ifm.element;
  }

  std::int64_t weight_bytes(std::int64_t channels) const { return std::min(channels, work.out[2]) * taps * (work.channel_step ? 1 : work.in_channels); }

  std::int64_t burst(std::int64_t dram) const { return dram ? core.dram_burst : core.sram_burst; }

  void weigh(std::int64_t height, std::int64_t width, std::int64_t channels) {
    const Pieces rows = pieces(work.out[0], height), columns = pieces(work.out[1], width), depths = pieces(work.out[2], channels);
    Pieces in_depths{{work.in_channels, 1}};
    std::int64_t array = steps(rows, core.granule[0]) * steps(columns, core.granule[1]) * taps;
    if (work.channel_step) {
      in_depths = depths;
      for (Piece &piece : in_depths)
        piece.size = ceil_div(piece.size, work.channel_step);
      array *= steps(depths, core.depthwise_channels);
    } else {
      array *= steps(depths, core.out_channels) * ceil_div(work.in_channels, core.in_channels);
    }
    const std::int64_t busy = std::max(array * work.steps * repeats, work.output_cycles);
    if (chosen.height && busy > std::get<0>(score))
      return;
    const std::int64_t read = repeats * all_bytes(work.ifm, input_pieces(work.out[0], height, work.strides[0], reach[0], work.pads[0], work.image[0]),
                                                  input_pieces(work.out[1], width, work.strides[1], reach[1], work.pads[1], work.image[1]), in_depths,
                                                  burst(work.ifm.dram));
    const std::int64_t written = repeats * all_bytes(work.ofm, rows, columns, depths, burst(work.ofm.dram));
    const std::int64_t n_sp = blocks(rows) * blocks(columns) * work.images, n_oc = blocks(depths);
    const std::int64_t block_input = input_bytes(height, width, channels);
    const std::int64_t whole_input = work.image[0] * work.image[1] * work.in_channels * work.ifm.element * work.images;
    for (const std::int64_t order : {0, 1}) {
      // channels outside, then pixels outside
      const bool kept = order ? block_input <= core.input_bytes : whole_input <= core.input_bytes || (n_sp == 1 && block_input <= core.input_bytes);
      const bool weights_kept = weight_bytes(order ? work.out[2] : channels) <= core.weight_bytes;
      const std::int64_t weights = weight_bytes(work.out[2]) * work.groups * work.matrices * (weights_kept ? 1 : n_sp);
      const std::int64_t weights_burst = burst(work.weights_dram);
      std::array<std::int64_t, 2> port{work.sram_params, work.dram_params};
      port[static_cast<std::size_t>(work.ifm.dram)] += read * (kept || work.channel_step ? 1 : n_oc);
      port[static_cast<std::size_t>(work.ofm.dram)] += written;
      port[static_cast<std::size_t>(work.weights_dram)] += ceil_div(weights, weights_burst) * weights_burst;
      const std::int64_t cycles = std::max({busy, ceil_div(port[0] * core.sram_cycles, core.sram_bytes), ceil_div(port[1] * core.dram_cycles, core.dram_bytes)});
      const Score mine{cycles, port[0] + port[1], -height * width, order};
      if (!chosen.height || mine < score)
        chosen = {height, width, channels, order}, score = mine;
    }
  }

  using Score = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

  const MacWork &work;
  const Core &core;
  std::int64_t reach[2]{}, repeats = 0, taps = 0;
  ChosenBlock chosen{0, 0, 0, 0};
  Score score;
};

} // namespace

ChosenBlock choose_block(const MacWork &work, const Core &core) { return Chooser(work, core).best(); }

} // namespace npuc
