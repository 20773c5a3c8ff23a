// SPDX-License-Identifier: Apache-2.0
// Convolution, depthwise convolution and matrix product on the memories.
#include <algorithm>
#include <cstring>

#include "plan.h"
#include "scale.h"

namespace npuc {
namespace {

std::int64_t up(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit * unit; }

// Output positions that are gathered before the weights are walked over: they stay in the first caches together.
std::int64_t block_rows(std::int64_t row_bytes) { return std::clamp<std::int64_t>((96 << 10) / row_bytes, 8, 256) / 8 * 8; }

void set_scale(Packed &to, std::size_t o, std::int32_t multiplier, std::int64_t shift, bool double_round) {
  to.multiplier[o] = multiplier;
  to.shift[o] = shift;
  to.round[o] = std::int64_t{1} << (shift - 1);
  to.extra[o] = double_round && shift > 31 ? std::int64_t{1} << 30 : 0;
}

// Columns beyond the last one read a scale that shifts by 2.
void make_room(Packed &to, std::int64_t columns) {
  const auto size = static_cast<std::size_t>(up(columns, column_padding));
  to.bias.assign(size, 0);
  to.multiplier.assign(size, 0);
  to.shift.assign(size, 2);
  to.round.assign(size, 2);
  to.extra.assign(size, 0);
}

Epilogue epilogue_of(const Packed &packed, std::int64_t first, std::int64_t zp_out, std::int64_t lo, std::int64_t hi) {
  return {packed.bias.data() + first, packed.multiplier.data() + first, packed.shift.data() + first, packed.round.data() + first,
          packed.extra.data() + first, static_cast<std::int32_t>(zp_out), static_cast<std::int32_t>(lo), static_cast<std::int32_t>(hi)};
}

// A dense copy of a small i8 view.
std::vector<std::int8_t> bytes_of(const View &view, const Memories &memories) {
  std::vector<std::int8_t> found(static_cast<std::size_t>(view.elements()));
  View to = view;
  to.space = space_sram, to.base = 0, to.ring = 0, to.first = 0, to.brick_stride = 0;
  to.stride_c = 1, to.stride_w = view.c, to.stride_h = view.w * view.c, to.stride_n = view.h * to.stride_h;
  const Memories scratch{{{}, {reinterpret_cast<std::uint8_t *>(found.data()), view.elements()}, {}}};
  for (std::int64_t i = 0; i < view.n; ++i)
    for (std::int64_t y = 0; y < view.h; ++y) {
      const std::uint8_t *from = view.row(memories, i, y);
      std::uint8_t *line = to.row(scratch, i, y);
      if (view.dense_rows())
        std::memcpy(line, from, static_cast<std::size_t>(view.w * view.c));
      else
        for (std::int64_t x = 0; x < view.w; ++x)
          for (std::int64_t c = 0; c < view.c; ++c)
            line[x * view.c + c] = from[x * view.stride_w + view.channel(c)];
    }
  return found;
}

} // namespace

std::shared_ptr<const Packed> Plan::packed_of(Command &command, const Memories &memories, const Path &path, bool depthwise) {
  if (command.packed)
    return command.packed;
  const View &x = command.views[0], &w = command.views[1], &scales = command.views[2];
  const std::int64_t *f = command.scalars;
  const std::int64_t groups = depthwise ? 1 : f[4], zp_x = f[depthwise ? 4 : 5], zp_w = f[depthwise ? 5 : 6];
  const bool double_round = f[depthwise ? 9 : 10] != 0;
  const bool constant = command.origin_weights >= 0 && command.origin_scales >= 0;
  const Key key{command.opcode, command.origin_weights, command.origin_scales, w.n, w.h, w.w, w.c, w.stride_n, w.stride_h, groups,
                zp_x * 1024 + zp_w, double_round};
  if (constant)
    if (const auto found = kept.find(key); found != kept.end())
      return command.packed = found->second;

  auto made = std::make_shared<Packed>();
  const std::int64_t columns = depthwise ? w.c : w.n;
  make_room(*made, depthwise ? std::max(columns, path.lanes) : columns);
  const std::vector<std::int8_t> records = bytes_of(scales, memories);
  for (std::int64_t o = 0; o < columns; ++o) {
    const std::int8_t *record = records.data() + o * 10;
    std::int32_t multiplier;
    std::uint16_t shift;
    const auto at = static_cast<std::size_t>(o);
    std::memcpy(&made->bias[at], record, 4);
    std::memcpy(&multiplier, record + 4, 4);
    std::memcpy(&shift, record + 8, 2);
    if (multiplier < 0 || shift < 2 || shift > 62) {
      made->sound = false;
      return made;
    }
    set_scale(*made, at, multiplier, shift, double_round);
  }
  // a bias that wraps is one that the accumulator would wrap to
  const auto add_bias = [&](std::int64_t o, std::int64_t value) {
    auto &bias = made->bias[static_cast<std::size_t>(o)];
    bias = static_cast<std::int32_t>(static_cast<std::uint32_t>(bias) + static_cast<std::uint32_t>(value));
  };
  // weights that lie dense are packed from where they are
  std::vector<std::int8_t> copy;
  const auto *weights = reinterpret_cast<const std::int8_t *>(w.row(memories, 0, 0));
  if (!w.dense()) {
    copy = bytes_of(w, memories);
    weights = copy.data();
  }
  if (depthwise) {
    const std::int64_t taps = w.h * w.w, channels = std::max(columns, path.lanes);
    if (channels != columns) {
      std::vector<std::int8_t> wide(static_cast<std::size_t>(taps * channels), static_cast<std::int8_t>(zp_w));
      for (std::int64_t t = 0; t < taps; ++t)
        std::memcpy(wide.data() + t * channels, weights + t * columns, static_cast<std::size_t>(columns));
      copy = std::move(wide);
      weights = copy.data();
    }
    made->weights.resize(static_cast<std::size_t>(path.depthwise_packed(taps, channels)) * 2);
    std::vector<std::int32_t> sums(static_cast<std::size_t>(channels));
    path.pack_depthwise(weights, taps, channels, channels, 1, static_cast<std::int32_t>(zp_w),
                        reinterpret_cast<std::int16_t *>(made->weights.data()), sums.data());
    for (std::int64_t o = 0; o < columns; ++o)
      add_bias(o, -zp_x * sums[static_cast<std::size_t>(o)]);
  } else {
    const std::int64_t group_out = w.n / groups, depth = w.h * w.w * w.c;
    made->group_bytes = up(path.packed_bytes(group_out, depth), 64);
    made->weights.resize(static_cast<std::size_t>(made->group_bytes * groups));
    std::vector<std::int32_t> sums(static_cast<std::size_t>(group_out));
    for (std::int64_t g = 0; g < groups; ++g) {
      path.pack(weights + g * group_out * depth, group_out, depth, depth, 1, static_cast<std::int32_t>(zp_w),
                made->weights.data() + g * made->group_bytes, sums.data());
      if (path.offset)
        for (std::int64_t o = 0; o < group_out; ++o)
          add_bias(g * group_out + o, (128 + zp_x) * (depth * zp_w - sums[static_cast<std::size_t>(o)]));
    }
  }
  (void)x;
  if (constant) {
    command.packed = made;
    kept.emplace(key, made);
  }
  return made;
}

bool Plan::conv2d(Command &command, const Memories &memories, const Path &path) {
  const View &x = command.views[0], &w = command.views[1], &y = command.views[4];
  const std::int64_t *f = command.scalars;
  const std::int64_t stride_h = f[0], stride_w = f[1], dilation_h = f[2], dilation_w = f[3], groups = f[4], zp_x = f[5], zp_w = f[6];
  const std::shared_ptr<const Packed> packed = packed_of(command, memories, path, false);
  if (!packed->sound)
    return false;
  const Pixels input(x, memories, x.c, 1, scratch.input);
  const Output out(y, memories, command.apart, scratch.output);
  const std::int64_t group_in = w.c, group_out = w.n / groups, depth = w.h * w.w * group_in;
  const std::int64_t pitch = up(depth, path.depth_unit) * path.lhs_bytes;
  const bool pointwise = w.h == 1 && w.w == 1;
  // taps of a row that lie side by side are copied at once
  const bool runs = groups == 1 && dilation_w == 1 && input.pitch == x.c;

  const std::int64_t positions = y.n * y.h * y.w, rows = std::min(block_rows(pitch), up(positions, 8));
  scratch.lhs.resize(static_cast<std::size_t>(rows * pitch + 64));
  scratch.patches.resize(static_cast<std::size_t>(depth));
  scratch.row_terms.resize(static_cast<std::size_t>(rows));
  scratch.rows.resize(static_cast<std::size_t>(rows));
  const auto pad = static_cast<std::int8_t>(x.pad_value);
  const bool sums_wanted = path.offset && zp_w != 0;

  // one position's window of one group, as `depth` bytes
  const auto gather = [&](std::int64_t i, std::int64_t oy, std::int64_t ox, std::int64_t channel) -> const std::int8_t * {
    const std::int64_t left = ox * stride_w - x.left;
    if (pointwise) {
      const std::int64_t row = oy * stride_h - x.top;
      if (row >= 0 && row < x.h && left >= 0 && left < x.w)
        return input.row(i, row) + left * input.pitch + channel;
      std::memset(scratch.patches.data(), pad, static_cast<std::size_t>(depth));
      return scratch.patches.data();
    }
    std::int8_t *to = scratch.patches.data();
    for (std::int64_t ky = 0; ky < w.h; ++ky) {
      const std::int64_t row = oy * stride_h - x.top + ky * dilation_h;
      if (row < 0 || row >= x.h) {
        std::memset(to, pad, static_cast<std::size_t>(w.w * group_in));
        to += w.w * group_in;
        continue;
      }
      const std::int8_t *from = input.row(i, row) + channel;
      if (runs && left >= 0 && left + w.w <= x.w) {
        std::memcpy(to, from + left * input.pitch, static_cast<std::size_t>(w.w * group_in));
        to += w.w * group_in;
        continue;
      }
      for (std::int64_t kx = 0; kx < w.w; ++kx, to += group_in) {
        const std::int64_t column = left + kx * dilation_w;
        if (column >= 0 && column < x.w)
          std::memcpy(to, from + column * input.pitch, static_cast<std::size_t>(group_in));
        else
          std::memset(to, pad, static_cast<std::size_t>(group_in));
      }
    }
    return scratch.patches.data();
  };

  for (std::int64_t g = 0; g < groups; ++g) {
    const Epilogue how = epilogue_of(*packed, g * group_out, f[7], f[8], f[9]);
    // a group's columns may start where no padding follows within the arrays, so groups have arrays of their own
    Packed own;
    Epilogue chosen = how;
    if (groups > 1) {
      make_room(own, group_out);
      const auto from = static_cast<std::ptrdiff_t>(g * group_out);
      const auto part = [&](const auto &source, auto &target) { std::copy_n(source.begin() + from, group_out, target.begin()); };
      part(packed->bias, own.bias), part(packed->multiplier, own.multiplier), part(packed->shift, own.shift);
      part(packed->round, own.round), part(packed->extra, own.extra);
      chosen = epilogue_of(own, 0, f[7], f[8], f[9]);
    }
    std::int64_t i = 0, oy = 0, ox = 0;
    for (std::int64_t done = 0; done < positions; done += rows) {
      const std::int64_t count = std::min(rows, positions - done);
      for (std::int64_t r = 0; r < count; ++r) {
        const std::int8_t *patch = gather(i, oy, ox, g * group_in);
        path.spread(patch, depth, static_cast<std::int32_t>(zp_x), scratch.lhs.data() + r * pitch);
        if (sums_wanted) {
          std::int32_t total = 0;
          for (std::int64_t k = 0; k < depth; ++k)
            total += patch[k] + 128;
          scratch.row_terms[static_cast<std::size_t>(r)] = static_cast<std::int32_t>(-zp_w * total);
        }
        scratch.rows[static_cast<std::size_t>(r)] = out.pixel(i, oy, ox) + g * group_out;
        if (++ox == y.w) {
          ox = 0;
          if (++oy == y.h)
            oy = 0, ++i;
        }
      }
      path.product(scratch.lhs.data(), count, packed->weights.data() + g * packed->group_bytes, group_out, depth,
                   sums_wanted ? scratch.row_terms.data() : nullptr, chosen, scratch.rows.data());
    }
  }
  look_up(command.views[3], memories, out, y);
  out.finish();
  return true;
}

bool Plan::depthwise(Command &command, const Memories &memories, const Path &path) {
  const View &x = command.views[0], &w = command.views[1], &y = command.views[4];
  const std::int64_t *f = command.scalars;
  const std::int64_t stride_h = f[0], stride_w = f[1], dilation_h = f[2], dilation_w = f[3];
  const std::shared_ptr<const Packed> packed = packed_of(command, memories, path, true);
  if (!packed->sound)
    return false;
  const std::int64_t channels = std::max(w.c, path.lanes), taps = w.h * w.w;
  const Pixels input(x, memories, channels, w.c / x.c, scratch.input);
  const Output out(y, memories, command.apart, scratch.output);
  const Epilogue how = epilogue_of(*packed, 0, f[6], f[7], f[8]);
  const auto *weights = reinterpret_cast<const std::int16_t *>(packed->weights.data());
  scratch.pad.assign(static_cast<std::size_t>(channels), static_cast<std::int8_t>(x.pad_value));
  scratch.taps.resize(static_cast<std::size_t>(taps));
  scratch.row_taps.resize(static_cast<std::size_t>(w.h));
  const std::int8_t **at = scratch.taps.data();
  for (std::int64_t i = 0; i < y.n; ++i)
    for (std::int64_t oy = 0; oy < y.h; ++oy) {
      for (std::int64_t ky = 0; ky < w.h; ++ky) {
        const std::int64_t row = oy * stride_h - x.top + ky * dilation_h;
        scratch.row_taps[static_cast<std::size_t>(ky)] = row >= 0 && row < x.h ? input.row(i, row) : nullptr;
      }
      for (std::int64_t ox = 0; ox < y.w; ++ox) {
        std::int64_t t = 0;
        for (std::int64_t ky = 0; ky < w.h; ++ky) {
          const std::int8_t *row = scratch.row_taps[static_cast<std::size_t>(ky)];
          for (std::int64_t kx = 0; kx < w.w; ++kx, ++t) {
            const std::int64_t column = ox * stride_w - x.left + kx * dilation_w;
            at[t] = row && column >= 0 && column < x.w ? row + column * input.pitch : scratch.pad.data();
          }
        }
        path.depthwise(at, taps, channels, w.c, weights, how, out.pixel(i, oy, ox));
      }
    }
  look_up(command.views[3], memories, out, y);
  out.finish();
  return true;
}

bool Plan::matmul(const Command &command, const Memories &memories, const Path &path) {
  const View &a = command.views[0], &b = command.views[1], &y = command.views[2];
  const std::int64_t *f = command.scalars;
  const auto zp_a = static_cast<std::int32_t>(f[0]), zp_b = static_cast<std::int32_t>(f[1]);
  const std::int64_t depth = a.c, columns = b.c, pitch = up(depth, path.depth_unit) * path.lhs_bytes;
  const Pixels left(a, memories, a.c, 1, scratch.input);
  const Output out(y, memories, command.apart, scratch.output);
  Packed packed;
  make_room(packed, columns);
  for (std::int64_t o = 0; o < columns; ++o)
    set_scale(packed, static_cast<std::size_t>(o), static_cast<std::int32_t>(f[5]), f[6], f[7] != 0);
  packed.weights.resize(static_cast<std::size_t>(path.packed_bytes(columns, depth)));
  std::vector<std::int32_t> sums(static_cast<std::size_t>(columns));
  const std::int64_t rows = std::min(block_rows(pitch), up(a.w, 8));
  scratch.lhs.resize(static_cast<std::size_t>(rows * pitch + 64));
  scratch.row_terms.resize(static_cast<std::size_t>(rows));
  scratch.rows.resize(static_cast<std::size_t>(rows));
  for (std::int64_t batch = 0; batch < a.h; ++batch) {
    path.pack(reinterpret_cast<const std::int8_t *>(b.row(memories, 0, batch)), columns, depth, b.stride_c, b.stride_w, zp_b,
              packed.weights.data(), sums.data());
    if (path.offset)
      for (std::int64_t o = 0; o < columns; ++o)
        packed.bias[static_cast<std::size_t>(o)] =
            static_cast<std::int32_t>((128 + f[0]) * (depth * f[1] - sums[static_cast<std::size_t>(o)]));
    const Epilogue how = epilogue_of(packed, 0, f[2], f[3], f[4]);
    for (std::int64_t done = 0; done < a.w; done += rows) {
      const std::int64_t count = std::min(rows, a.w - done);
      for (std::int64_t r = 0; r < count; ++r) {
        const std::int8_t *row = left.row(0, batch) + (done + r) * left.pitch;
        path.spread(row, depth, zp_a, scratch.lhs.data() + r * pitch);
        std::int32_t total = 0;
        if (path.offset && zp_b)
          for (std::int64_t k = 0; k < depth; ++k)
            total += row[k] + 128;
        scratch.row_terms[static_cast<std::size_t>(r)] = static_cast<std::int32_t>(std::int64_t{-zp_b} * total);
        scratch.rows[static_cast<std::size_t>(r)] = out.pixel(0, batch, done + r);
      }
      path.product(scratch.lhs.data(), count, packed.weights.data(), columns, depth, scratch.row_terms.data(), how, scratch.rows.data());
    }
  }
  out.finish();
  return true;
}

void Plan::look_up(const View &table, const Memories &memories, const Output &out, const View &ofm) {
  if (!table.present())
    return;
  std::int32_t wide[256];
  read_all(table, memories, wide);
  for (std::int64_t i = 0; i < ofm.n; ++i)
    for (std::int64_t y = 0; y < ofm.h; ++y)
      for (std::int64_t x = 0; x < ofm.w; ++x) {
        std::int8_t *values = out.pixel(i, y, x);
        for (std::int64_t c = 0; c < ofm.c; ++c)
          values[c] = static_cast<std::int8_t>(wide[values[c] + 128]);
      }
}

} // namespace npuc
