// SPDX-License-Identifier: Apache-2.0
// Reading descriptors, deciding what the engine runs itself, and finding out which weights never change.
#include "plan.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "scale.h"

namespace npuc {
namespace {

const Layout *layout_of(std::int64_t opcode) {
  for (const Layout &layout : layouts())
    if (layout.opcode == opcode)
      return &layout;
  return nullptr;
}

bool between(std::int64_t value, std::int64_t low, std::int64_t high) { return low <= value && value <= high; }

// Elements of an output lie apart from one another: else the order of writing would matter.
bool scattered(const View &view) {
  const bool bricks = view.brick_stride != 0;
  std::array<std::pair<std::int64_t, std::int64_t>, 5> dims{{{std::abs(view.stride_n), view.n},
                                                              {std::abs(view.stride_h), view.ring ? view.ring : view.h},
                                                              {std::abs(view.stride_w), view.w},
                                                              {std::abs(view.brick_stride), bricks ? view.c / brick : 1},
                                                              {std::abs(view.stride_c), bricks ? brick : view.c}}};
  std::sort(dims.begin(), dims.end());
  std::int64_t reach = view.element();
  for (const auto &[stride, extent] : dims) {
    if (extent == 1)
      continue;
    if (stride < reach)
      return false;
    reach = stride * (extent - 1) + reach;
  }
  return true;
}

bool windowed(const View &ifm, const View &ofm, std::int64_t kernel_h, std::int64_t kernel_w, std::int64_t stride_h, std::int64_t stride_w,
              std::int64_t dilation_h, std::int64_t dilation_w) {
  for (const std::int64_t value : {kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w})
    if (!between(value, 1, 1 << 24))
      return false;
  const std::int64_t free_h = ifm.padded_h() - ((kernel_h - 1) * dilation_h + 1), free_w = ifm.padded_w() - ((kernel_w - 1) * dilation_w + 1);
  return free_h >= 0 && free_w >= 0 && ofm.n == ifm.n && ofm.h == free_h / stride_h + 1 && ofm.w == free_w / stride_w + 1;
}

bool bounds_i8(std::int64_t zp_out, std::int64_t lo, std::int64_t hi) { return between(zp_out, -128, 127) && between(lo, -128, hi) && hi <= 127; }
bool scale(std::int64_t multiplier, std::int64_t shift) { return between(multiplier, 0, INT32_MAX) && between(shift, 2, 62); }
bool all_i8(std::initializer_list<const View *> views) {
  return std::all_of(views.begin(), views.end(), [](const View *view) { return !view->present() || view->dtype == dtype_i8; });
}
bool shaped(const View &view, std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
  return view.n == n && view.h == h && view.w == w && view.c == c && !view.padded();
}
bool like_padded(const View &in, const View &out) {
  return in.n == out.n && in.padded_h() == out.h && in.padded_w() == out.w && in.c == out.c;
}
bool flag(std::int64_t value) { return value == 0 || value == 1; }

// Clamps of a result that is no accumulator: within the type it is stored as, an i32 has its own limits.
bool bounds_of(const View &ofm, std::int64_t zp_out, std::int64_t lo, std::int64_t hi) {
  if (ofm.dtype == dtype_i32)
    return between(zp_out, INT32_MIN, INT32_MAX);
  const std::int64_t limit = ofm.dtype == dtype_i8 ? 128 : 32768;
  return between(zp_out, -limit, limit - 1) && between(lo, -limit, hi) && hi < limit;
}

bool conv2d_runs(const Command &c) {
  const View &x = c.views[0], &w = c.views[1], &s = c.views[2], &t = c.views[3], &y = c.views[4];
  const std::int64_t *f = c.scalars;
  const std::int64_t groups = f[4];
  return all_i8({&x, &w, &s, &t, &y}) && windowed(x, y, w.h, w.w, f[0], f[1], f[2], f[3]) && between(groups, 1, w.n) && w.n % groups == 0 &&
         w.c * groups == x.c && y.c == w.n && !w.padded() && shaped(s, 1, 1, w.n, 10) && (!t.present() || shaped(t, 1, 1, 1, 256)) &&
         between(f[5], -128, 127) && between(f[6], -128, 127) && bounds_i8(f[7], f[8], f[9]) && flag(f[10]);
}

bool depthwise_runs(const Command &c) {
  const View &x = c.views[0], &w = c.views[1], &s = c.views[2], &t = c.views[3], &y = c.views[4];
  const std::int64_t *f = c.scalars;
  return all_i8({&x, &w, &s, &t, &y}) && windowed(x, y, w.h, w.w, f[0], f[1], f[2], f[3]) && w.n == 1 && w.c % x.c == 0 && y.c == w.c &&
         !w.padded() && shaped(s, 1, 1, w.c, 10) && (!t.present() || shaped(t, 1, 1, 1, 256)) && between(f[4], -128, 127) &&
         between(f[5], -128, 127) && bounds_i8(f[6], f[7], f[8]) && flag(f[9]);
}

bool matmul_runs(const Command &c) {
  const View &a = c.views[0], &b = c.views[1], &y = c.views[2];
  const std::int64_t *f = c.scalars;
  return all_i8({&a, &b, &y}) && !b.brick_stride && a.n == 1 && b.n == 1 && a.h == b.h && a.c == b.w && !a.padded() && !b.padded() &&
         shaped(y, 1, a.h, a.w, b.c) && between(f[0], -128, 127) && between(f[1], -128, 127) && bounds_i8(f[2], f[3], f[4]) && scale(f[5], f[6]) && flag(f[7]);
}

bool elementwise_runs(const Command &c) {
  const View &a = c.views[0], &b = c.views[1], &y = c.views[2];
  const std::int64_t *f = c.scalars;
  const std::int64_t kind = f[0];
  if (!between(kind, 0, kind_copy) || !like_padded(a, y))
    return false;
  const bool two = kind < kind_rescale;
  if (b.present() != two || (two && !like_padded(b, y)))
    return false;
  if (kind == kind_copy)
    return a.dtype == y.dtype;
  if (kind == kind_maximum || kind == kind_minimum)
    return a.dtype == y.dtype && b.dtype == y.dtype;
  if (!between(f[1], INT16_MIN, INT16_MAX) || !between(f[2], INT16_MIN, INT16_MAX) || !flag(f[12]))
    return false;
  if (kind <= kind_sub && (!scale(f[3], f[4]) || !scale(f[5], f[6]) || !between(f[13], 0, 20)))
    return false;
  return scale(f[7], f[8]) && bounds_of(y, f[9], f[10], f[11]);
}

bool pool_runs(const Command &c) {
  const View &x = c.views[0], &s = c.views[1], &y = c.views[2];
  const std::int64_t *f = c.scalars;
  const std::int64_t kernel_h = f[1], kernel_w = f[2];
  if (!flag(f[0]) || !all_i8({&x, &s, &y}) || !windowed(x, y, kernel_h, kernel_w, f[3], f[4], 1, 1) || y.c != x.c)
    return false;
  if (std::max(x.top, x.bottom) >= kernel_h || std::max(x.left, x.right) >= kernel_w || !bounds_i8(f[6], f[7], f[8]) || !flag(f[9]))
    return false;
  if (f[0] == 0)
    return true;
  // a sum of 2^22 taps stays inside i32
  if (!between(f[10], average_scale, average_half_up) || kernel_h * kernel_w > 1 << 22)
    return false;
  if (f[10] != average_scale)
    return true;
  return s.present() && (s.w == 1 || s.w == kernel_h * kernel_w) && shaped(s, 1, 1, s.w, 10) &&
         between(f[5], -128, 127);
}

bool reduce_runs(const Command &c) {
  const View &x = c.views[0], &y = c.views[1];
  const std::int64_t *f = c.scalars;
  if (!flag(f[0]) || !flag(f[1]) || !flag(f[2]) || !flag(f[3]) || x.padded())
    return false;
  if (!shaped(y, x.n, f[1] ? 1 : x.h, f[2] ? 1 : x.w, f[3] ? 1 : x.c))
    return false;
  if (f[0] == 1)
    return y.dtype == x.dtype && bounds_of(y, 0, f[10], f[11]);
  if (!flag(f[5]) || !between(f[6], 0, 31) || !between(f[4], INT16_MIN, INT16_MAX))
    return false;
  if (f[5])
    return y.dtype == dtype_i32;
  return scale(f[7], f[8]) && flag(f[12]) && bounds_of(y, f[9], f[10], f[11]);
}

bool table_runs(const Command &c) {
  const View &x = c.views[0], &t = c.views[1], &y = c.views[2];
  return all_i8({&x, &t, &y}) && shaped(t, 1, 1, 1, 256) && like_padded(x, y);
}

bool resize_runs(const Command &c) {
  const View &x = c.views[0], &y = c.views[1];
  const std::int64_t *f = c.scalars;
  for (const int at : {0, 1, 3, 4})
    if (!between(f[at], 1, INT32_MAX))
      return false;
  return x.dtype == y.dtype && !x.padded() && x.n == y.n && x.c == y.c && between(f[2], INT32_MIN, INT32_MAX) &&
         between(f[5], INT32_MIN, INT32_MAX) &&
         (flag(f[6]) || (f[6] == rounding_bilinear && x.dtype == dtype_i8 && std::max(f[0], f[3]) <= 1 << 14));
}

bool softmax_exp_runs(const Command &c) {
  const View &x = c.views[0], &top = c.views[1], &t = c.views[2], &y = c.views[3];
  return all_i8({&x, &top}) && t.dtype == dtype_i32 && y.dtype == dtype_i32 && shaped(top, y.n, y.h, y.w, 1) && shaped(t, 1, 1, 1, 256) &&
         like_padded(x, y);
}

bool softmax_norm_runs(const Command &c) {
  const View &exps = c.views[0], &sum = c.views[1], &y = c.views[2];
  return exps.dtype == dtype_i32 && sum.dtype == dtype_i32 && y.dtype == dtype_i8 && shaped(sum, y.n, y.h, y.w, 1) && like_padded(exps, y);
}

bool dma_runs(const Command &c) {
  const View &src = c.views[0], &dst = c.views[1];
  return src.present() ? src.dtype == dst.dtype && like_padded(src, dst) : between(c.scalars[0], INT32_MIN, INT32_MAX);
}

bool runs(const Command &command) {
  switch (command.opcode) {
  case op_conv2d: return conv2d_runs(command);
  case op_depthwise: return depthwise_runs(command);
  case op_matmul: return matmul_runs(command);
  case op_elementwise: return elementwise_runs(command);
  case op_pool: return pool_runs(command);
  case op_reduce: return reduce_runs(command);
  case op_table: return table_runs(command);
  case op_resize: return resize_runs(command);
  case op_softmax_exp: return softmax_exp_runs(command);
  case op_softmax_norm: return softmax_norm_runs(command);
  case op_dma: return dma_runs(command);
  default: return false;
  }
}

// Which of an instruction's operands may be absent, by name.
bool optional(const std::string &mnemonic, const std::string &name) {
  return name == "table" ? mnemonic != "table" && mnemonic != "softmax_exp" : name == "b" ? mnemonic == "elementwise" :
         name == "scales" ? mnemonic == "pool" : name == "src";
}

// A vector result may land on its own input element for element; anything else that overlaps is read before it is written.
bool overlaps(const Command &command, int operands) {
  const View &out = command.views[operands - 1];
  const Range written = range_of(out);
  const bool vector = command.opcode == op_elementwise || command.opcode == op_table;
  for (int i = 0; i + 1 < operands; ++i) {
    const View &in = command.views[i];
    if (!in.present() || in.space != out.space)
      continue;
    const Range read = range_of(in);
    if (read.high <= written.low || written.high <= read.low)
      continue;
    if (!(vector && !in.padded() && in.same_bytes(out)))
      return true;
  }
  return false;
}

// What a command writes: one range around its output; everything where it is not known.
std::vector<Written> written_by(const Command &command) {
  if (command.foreign)
    return command.writes;
  const Layout *layout = layout_of(command.opcode);
  if (!layout)
    return {{space_sram, {0, INT64_MAX}}, {space_dram, {0, INT64_MAX}}};
  const View &out = command.views[layout->operands.size() - 1];
  return {{out.space, range_of(out)}};
}

// Which constant bytes a run of SRAM holds: address -> (end, source), source the DRAM address of the run's first byte for a plain
// copy, or a number of its own for each different gathering copy.
class Origins {
public:
  void forget(std::int64_t low, std::int64_t high) {
    auto at = pieces.upper_bound(low);
    if (at != pieces.begin())
      --at;
    while (at != pieces.end() && at->first < high) {
      const std::int64_t start = at->first;
      const Piece piece = at->second;
      if (piece.end <= low) {
        ++at;
        continue;
      }
      at = pieces.erase(at);
      // what is left of a gathering copy still is what it was; its right rest keeps its distance from the start
      if (start < low)
        pieces[start] = {low, piece.source, piece.offset};
      if (piece.end > high)
        at = std::next(pieces.insert_or_assign(high, Piece{piece.end, piece.source, piece.offset + high - start}).first);
    }
  }
  void forget_all() { pieces.clear(); }
  void set(std::int64_t low, std::int64_t high, std::int64_t source, std::int64_t offset) {
    forget(low, high);
    const auto left = pieces.lower_bound(low);
    if (left != pieces.begin()) {
      auto &[start, piece] = *std::prev(left);
      if (piece.end == low && piece.source == source && piece.offset + low - start == offset) {
        piece.end = high;
        return;
      }
    }
    pieces[low] = {high, source, offset};
  }
  // A number for the bytes low .. high-1, the same for the same bytes; -1 where nothing is known.
  std::int64_t of(std::int64_t low, std::int64_t high) const {
    auto at = pieces.upper_bound(low);
    if (at == pieces.begin())
      return -1;
    --at;
    if (at->second.end < high)
      return -1;
    return at->second.source + at->second.offset + low - at->first;
  }

private:
  struct Piece {
    std::int64_t end, source, offset;
  };
  std::map<std::int64_t, Piece> pieces;
};

} // namespace

const std::vector<Layout> &layouts() {
  static const std::vector<std::string> window{"stride_h", "stride_w", "dilation_h", "dilation_w"};
  static const std::vector<std::string> block{"block_h", "block_w", "block_c", "loop_order"};
  static const std::vector<Layout> all{
      {op_conv2d,
       "conv2d",
       {"ifm", "weights", "scales", "table", "ofm"},
       {"stride_h", "stride_w", "dilation_h", "dilation_w", "groups", "zp_x", "zp_w", "zp_out", "lo", "hi", "double_round"},
       block},
      {op_depthwise,
       "depthwise_conv2d",
       {"ifm", "weights", "scales", "table", "ofm"},
       {"stride_h", "stride_w", "dilation_h", "dilation_w", "zp_x", "zp_w", "zp_out", "lo", "hi", "double_round"},
       block},
      {op_matmul, "matmul", {"a", "b", "ofm"}, {"zp_a", "zp_b", "zp_out", "lo", "hi", "multiplier", "shift", "double_round"}, block},
      {op_elementwise,
       "elementwise",
       {"a", "b", "ofm"},
       {"kind", "zp_a", "zp_b", "multiplier_a", "shift_a", "multiplier_b", "shift_b", "multiplier", "shift", "zp_out", "lo", "hi",
        "double_round", "left_shift"},
       {}},
      {op_pool,
       "pool",
       {"ifm", "scales", "ofm"},
       {"kind", "kernel_h", "kernel_w", "stride_h", "stride_w", "zp_x", "zp_out", "lo", "hi", "double_round", "average"},
       {}},
      {op_reduce,
       "reduce",
       {"ifm", "ofm"},
       {"kind", "reduce_h", "reduce_w", "reduce_c", "zp_x", "raw", "pre_shift", "multiplier", "shift", "zp_out", "lo", "hi", "double_round"},
       {}},
      {op_table, "table", {"ifm", "table", "ofm"}, {}, {}},
      {op_resize,
       "resize",
       {"ifm", "ofm"},
       {"scale_y_n", "scale_y_d", "offset_y", "scale_x_n", "scale_x_d", "offset_x", "rounding"},
       {}},
      {op_softmax_exp, "softmax_exp", {"ifm", "row_max", "table", "ofm"}, {}, {}},
      {op_softmax_norm, "softmax_norm", {"exps", "row_sum", "ofm"}, {}, {}},
      {op_dma, "dma", {"src", "dst"}, {"fill_value"}, {}},
  };
  return all;
}

Plan::Plan(const std::int64_t *descriptors, std::int64_t count, std::int64_t sram_bytes, std::int64_t dram_bytes, std::int64_t constant_bytes)
    : memory_bytes{0, sram_bytes, dram_bytes} {
  static_assert(sizeof(View) == view_numbers * sizeof(std::int64_t));
  for (std::int64_t at = 0; at < count;) {
    if (count - at < 2 || descriptors[at + 1] < 0 || descriptors[at + 1] > count - at - 2)
      throw std::invalid_argument("descriptors: a command is cut short");
    const std::int64_t opcode = descriptors[at], size = descriptors[at + 1];
    const std::int64_t *numbers = descriptors + at + 2;
    at += 2 + size;
    Command command;
    const Layout *layout = layout_of(opcode);
    if (!layout) {
      // space, first byte, one past the last byte of everything that is written, where the caller knows it
      command.foreign = true;
      for (std::int64_t i = 0; i + 3 <= size; i += 3)
        command.writes.push_back({numbers[i], {numbers[i + 1], numbers[i + 2]}});
      if (size % 3 || !size)
        command.writes.push_back({space_dram, {0, INT64_MAX}});
    } else {
      const auto operands = static_cast<std::int64_t>(layout->operands.size()), scalars = static_cast<std::int64_t>(layout->scalars.size());
      if (size != operands * view_numbers + scalars)
        throw std::invalid_argument("descriptors: a command of " + layout->mnemonic + " has another number of fields");
      for (std::int64_t i = 0; i < operands; ++i)
        std::memcpy(&command.views[i], numbers + i * view_numbers, sizeof(View));
      std::copy_n(numbers + operands * view_numbers, scalars, command.scalars);
      bool fine = true;
      for (std::int64_t i = 0; i < operands && fine; ++i) {
        const View &view = command.views[i];
        fine = view.present() ? sound(view, memory_bytes) : optional(layout->mnemonic, layout->operands[static_cast<std::size_t>(i)]);
      }
      const View &out = command.views[operands - 1];
      command.opcode = static_cast<int>(opcode);
      if (!fine || !out.present() || out.padded() || !scattered(out) || !runs(command))
        command.opcode = -1;
      else
        command.apart = overlaps(command, static_cast<int>(operands));
    }
    commands.push_back(std::move(command));
  }
  find_origins(constant_bytes);
}

void Plan::find_origins(std::int64_t constant_bytes) {
  for (const Command &command : commands)
    for (const auto &[space, range] : written_by(command))
      if (space == space_dram && range.low < constant_bytes)
        return;
  constants_kept = true;
  // gathering copies are told apart by all their numbers; they count from beyond any DRAM address
  std::map<std::vector<std::int64_t>, std::int64_t> gathered;
  std::int64_t next_source = std::int64_t{1} << 50;
  Origins sram;
  const auto origin = [&](const View &view) -> std::int64_t {
    const Range range = range_of(view);
    if (!view.dense())
      return -1;
    if (view.space == space_sram)
      return sram.of(range.low, range.high);
    return range.high <= constant_bytes ? range.low : -1;
  };
  for (Command &command : commands) {
    const Layout *layout = layout_of(command.opcode);
    if (!layout) {
      for (const auto &[space, range] : written_by(command))
        if (space == space_sram)
          sram.forget(range.low, range.high);
      continue;
    }
    if (command.opcode == op_conv2d || command.opcode == op_depthwise) {
      command.origin_weights = origin(command.views[1]);
      command.origin_scales = origin(command.views[2]);
    }
    const View &out = command.views[layout->operands.size() - 1];
    if (out.space != space_sram)
      continue;
    const Range written = range_of(out);
    const View &src = command.views[0];
    const bool constant = command.opcode == op_dma && src.space == space_dram && !src.padded() && range_of(src).high <= constant_bytes;
    if (!constant || !out.dense()) {
      sram.forget(written.low, written.high);
      continue;
    }
    if (src.dense()) {
      sram.set(written.low, written.high, 0, src.base + (src.ring ? 0 : src.first * src.stride_h));
      continue;
    }
    std::vector<std::int64_t> key(view_numbers);
    std::memcpy(key.data(), &src, sizeof src);
    const auto [entry, fresh] = gathered.try_emplace(std::move(key), next_source);
    if (fresh)
      next_source += std::int64_t{1} << 28;
    sram.set(written.low, written.high, entry->second, 0);
  }
}

std::int64_t Plan::run(std::int64_t first, std::int64_t last, std::uint8_t *sram, std::uint8_t *dram, const Path &path) {
  if (last_path != &path) {
    // what was packed for one path means nothing to another
    kept.clear();
    for (Command &command : commands)
      command.packed.reset();
    last_path = &path;
  }
  const Memories memories{{{}, {sram, memory_bytes[space_sram]}, {dram, memory_bytes[space_dram]}}};
  for (; first < last; ++first) {
    Command &command = commands[static_cast<std::size_t>(first)];
    if (command.opcode < 0 || !execute(command, memories, path))
      return first;
  }
  return last;
}

bool Plan::execute(Command &command, const Memories &memories, const Path &path) {
  switch (command.opcode) {
  case op_conv2d: return conv2d(command, memories, path);
  case op_depthwise: return depthwise(command, memories, path);
  case op_matmul: return matmul(command, memories, path);
  case op_elementwise: elementwise(command, memories); return true;
  case op_pool: return pool(command, memories);
  case op_reduce: reduce(command, memories); return true;
  case op_table: table(command, memories); return true;
  case op_resize: resize(command, memories); return true;
  case op_softmax_exp: softmax_exp(command, memories); return true;
  case op_softmax_norm: softmax_norm(command, memories); return true;
  case op_dma:
    if (command.views[0].present())
      move(command.views[0], command.views[1], memories, command.apart);
    else
      fill(command.views[1], memories, command.scalars[0]);
    return true;
  default: return false;
  }
}

} // namespace npuc
