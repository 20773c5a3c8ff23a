// SPDX-License-Identifier: Apache-2.0
// What the vector unit does, row by row.
#include <algorithm>
#include <bit>
#include <cstring>

#include "plan.h"
#include "scale.h"

namespace npuc {
namespace {

// What integer softmax needs; see python/npuc/numerics/softmax.py.
constexpr std::int64_t one = (std::int64_t{1} << 31) - 1;

std::int64_t rounding_divide(std::int64_t value, std::int64_t exponent) {
  const std::int64_t mask = (std::int64_t{1} << exponent) - 1;
  return (value >> exponent) + ((value & mask) > (mask >> 1) + (value < 0));
}

std::int64_t multiply_high(std::int64_t left, std::int64_t right) {
  const std::int64_t product = left * right;
  const std::int64_t nudged = product + (product >= 0 ? std::int64_t{1} << 30 : 1 - (std::int64_t{1} << 30));
  return std::min(nudged >= 0 ? nudged >> 31 : -(-nudged >> 31), one);
}

std::int64_t saturate(std::int64_t value) { return std::clamp(value, -one - 1, one); }

// (r, b) with 1 / row_sum = r * 2**-b.
std::pair<std::int64_t, std::int64_t> row_reciprocal(std::int32_t row_sum) {
  const std::int64_t value = std::max<std::int64_t>(row_sum, 1);
  const std::int64_t headroom = std::countl_zero(static_cast<std::uint32_t>(value));
  const std::int64_t mantissa = (value << headroom) - (std::int64_t{1} << 31);
  const std::int64_t half = (mantissa + one + 1) >> 1;
  std::int64_t x = 1515870810 + multiply_high(half, -1010580540);
  for (int step = 0; step < 3; ++step) {
    const std::int64_t error = (std::int64_t{1} << 29) - multiply_high(half, x);
    x += saturate(multiply_high(x, error) * 4);
  }
  return {saturate(x * 2), 12 - headroom};
}

std::int64_t floor_div(std::int64_t value, std::int64_t by) { return value / by - (value % by < 0); }

// total / count, halves away from zero or up; count > 0.
std::int64_t divided(std::int64_t total, std::int64_t count, bool half_up) {
  if (half_up || total > 0)
    return floor_div(total + count / 2, count);
  return -((count / 2 - total) / count);
}

// A position between two inputs; see python/npuc/numerics/resize.py.
struct Between {
  std::int64_t lower, upper, weight;
};

Between between(std::int64_t at, const std::int64_t *axis, std::int64_t extent) {
  const std::int64_t n = axis[0], p = at * axis[1] + axis[2];
  const std::int64_t lower = std::clamp<std::int64_t>(floor_div(p, n), 0, extent - 1);
  const std::int64_t upper = std::clamp<std::int64_t>(-floor_div(-p, n), 0, extent - 1);
  return {lower, upper, lower == upper ? 0 : p - n * lower};
}

std::int64_t resized(std::int64_t at, const std::int64_t *axis, bool half, std::int64_t extent) {
  const std::int64_t numerator = axis[0], position = at * axis[1] + axis[2];
  std::int64_t index = floor_div(position, numerator);
  if (half && 2 * (position - index * numerator) >= numerator)
    ++index;
  return std::clamp<std::int64_t>(index, 0, extent - 1);
}

} // namespace

// `values` are a row of ofm as i32, stored in its type.
void Plan::write_values(const View &ofm, const Memories &memories, std::int64_t i, std::int64_t y, const std::int32_t *values) {
  std::uint8_t *to = ofm.row(memories, i, y);
  if (ofm.dtype == dtype_i8 && ofm.dense_rows()) {
    for (std::int64_t k = 0; k < ofm.w * ofm.c; ++k)
      to[k] = static_cast<std::uint8_t>(values[k]);
    return;
  }
  const std::int64_t most = ofm.brick_stride ? brick : ofm.c;
  for (std::int64_t done = 0; done < ofm.c; done += most) {
    std::uint8_t *pixel = to + ofm.channel(done);
    for (std::int64_t x = 0; x < ofm.w; ++x, pixel += ofm.stride_w)
      for (std::int64_t c = 0; c < most; ++c) {
        std::uint8_t *element = pixel + c * ofm.stride_c;
        const std::int32_t value = values[x * ofm.c + done + c];
        const auto narrow = static_cast<std::int16_t>(value);
        if (ofm.dtype == dtype_i8)
          *element = static_cast<std::uint8_t>(value);
        else if (ofm.dtype == dtype_i16)
          std::memcpy(element, &narrow, sizeof narrow);
        else
          std::memcpy(element, &value, sizeof value);
      }
  }
}

void Plan::elementwise(const Command &command, const Memories &memories) {
  const View &a = command.views[0], &b = command.views[1], &y = command.views[2];
  const std::int64_t *f = command.scalars;
  const std::int64_t kind = f[0], zp_a = f[1], zp_b = f[2];
  if (kind == kind_copy) {
    if (!a.same_bytes(y) || a.padded())
      move(a, y, memories, command.apart);
    return;
  }
  const bool extremum = kind == kind_maximum || kind == kind_minimum, sum = kind == kind_add || kind == kind_sub;
  const bool double_round = f[12] != 0;
  // a product, not a shift: the value may be negative
  const std::int64_t raised = sum ? std::int64_t{1} << f[13] : 1;
  const Scale scale_a(sum ? f[3] : 0, sum ? f[4] : 2, double_round), scale_b(sum ? f[5] : 0, sum ? f[6] : 2, double_round);
  const Scale scale(extremum ? 0 : f[7], extremum ? 2 : f[8], double_round);
  const Bounds bounds(y, f[9], f[10], f[11]);

  const std::int64_t row = y.w * y.c;
  scratch.a.resize(static_cast<std::size_t>(row));
  scratch.b.resize(static_cast<std::size_t>(row));
  scratch.values.resize(static_cast<std::size_t>(command.apart ? row * y.h * y.n : row));
  const std::int32_t *left = scratch.a.data(), *right = scratch.b.data();
  // an i8 has 256 values: what a sum makes of each is found once
  std::int64_t of_a[256], of_b[256];
  const bool tables = sum && a.dtype == dtype_i8 && b.dtype == dtype_i8 && row * y.h * y.n >= 512;
  for (int v = 0; tables && v < 256; ++v) {
    of_a[v] = scale_a((v - 128 - zp_a) * raised);
    of_b[v] = scale_b((v - 128 - zp_b) * raised);
  }
  const std::int64_t sign = kind == kind_sub ? -1 : 1;
  for (std::int64_t i = 0; i < y.n; ++i)
    for (std::int64_t line = 0; line < y.h; ++line) {
      read_row(a, memories, i, line, scratch.a.data());
      if (b.present())
        read_row(b, memories, i, line, scratch.b.data());
      std::int32_t *to = scratch.values.data() + (command.apart ? (i * y.h + line) * row : 0);
      if (kind == kind_maximum)
        for (std::int64_t k = 0; k < row; ++k)
          to[k] = std::max(left[k], right[k]);
      else if (kind == kind_minimum)
        for (std::int64_t k = 0; k < row; ++k)
          to[k] = std::min(left[k], right[k]);
      else if (kind == kind_rescale)
        for (std::int64_t k = 0; k < row; ++k)
          to[k] = bounds(scale(left[k] - zp_a));
      else if (kind == kind_mul)
        for (std::int64_t k = 0; k < row; ++k)
          to[k] = bounds(scale((left[k] - zp_a) * (right[k] - zp_b)));
      else if (tables)
        for (std::int64_t k = 0; k < row; ++k)
          to[k] = bounds(scale(of_a[left[k] + 128] + sign * of_b[right[k] + 128]));
      else
        for (std::int64_t k = 0; k < row; ++k)
          to[k] = bounds(scale(scale_a((left[k] - zp_a) * raised) + sign * scale_b((right[k] - zp_b) * raised)));
      if (!command.apart)
        write_values(y, memories, i, line, to);
    }
  for (std::int64_t line = 0; command.apart && line < y.n * y.h; ++line)
    write_values(y, memories, line / y.h, line % y.h, scratch.values.data() + line * row);
}

bool Plan::pool(const Command &command, const Memories &memories) {
  const View &x = command.views[0], &scales = command.views[1], &y = command.views[2];
  const std::int64_t *f = command.scalars;
  const bool average = f[0] == 1;
  const std::int64_t kernel_h = f[1], kernel_w = f[2], stride_h = f[3], stride_w = f[4];
  const bool divides = average && f[10] != average_scale;
  std::vector<Scale> by_count;
  if (average && !divides) {
    std::vector<std::int32_t> records(static_cast<std::size_t>(scales.elements()));
    read_all(scales, memories, records.data());
    for (std::int64_t r = 0; r < scales.w; ++r) {
      std::uint8_t bytes[10];
      for (std::size_t k = 0; k < 10; ++k)
        bytes[k] = static_cast<std::uint8_t>(records[static_cast<std::size_t>(r) * 10 + k]);
      std::int32_t multiplier;
      std::uint16_t shift;
      std::memcpy(&multiplier, bytes + 4, 4);
      std::memcpy(&shift, bytes + 8, 2);
      if (multiplier < 0 || shift < 2 || shift > 62)
        return false;
      by_count.emplace_back(multiplier, shift, f[9] != 0);
    }
  }
  const Bounds bounds(y, f[6], f[7], f[8]);
  const Pixels input(x, memories, x.c, 1, scratch.input);
  const Output out(y, memories, command.apart, scratch.output);
  scratch.a.resize(static_cast<std::size_t>(x.c));
  std::int32_t *found = scratch.a.data();
  for (std::int64_t i = 0; i < y.n; ++i)
    for (std::int64_t oy = 0; oy < y.h; ++oy)
      for (std::int64_t ox = 0; ox < y.w; ++ox) {
        const std::int64_t top = oy * stride_h - x.top, left = ox * stride_w - x.left;
        const std::int64_t first_row = std::max<std::int64_t>(top, 0), last_row = std::min(top + kernel_h, x.h);
        const std::int64_t first = std::max<std::int64_t>(left, 0), last = std::min(left + kernel_w, x.w);
        const std::int64_t inside = (last_row - first_row) * (last - first);
        std::fill_n(found, x.c, average ? 0 : -128);
        for (std::int64_t row = first_row; row < last_row; ++row) {
          const std::int8_t *from = input.row(i, row) + first * input.pitch;
          for (std::int64_t column = first; column < last; ++column, from += input.pitch)
            if (average)
              for (std::int64_t c = 0; c < x.c; ++c)
                found[c] += from[c];
            else
              for (std::int64_t c = 0; c < x.c; ++c)
                found[c] = std::max<std::int32_t>(found[c], from[c]);
        }
        std::int8_t *to = out.pixel(i, oy, ox);
        if (divides) {
          for (std::int64_t c = 0; c < x.c; ++c)
            to[c] = static_cast<std::int8_t>(std::clamp(divided(found[c], inside, f[10] == average_half_up), f[7], f[8]));
        } else if (average) {
          const Scale &scale = by_count[by_count.size() == 1 ? 0 : static_cast<std::size_t>(inside - 1)];
          for (std::int64_t c = 0; c < x.c; ++c)
            to[c] = static_cast<std::int8_t>(bounds(scale(found[c] - inside * f[5])));
        } else {
          for (std::int64_t c = 0; c < x.c; ++c)
            to[c] = static_cast<std::int8_t>(std::clamp<std::int64_t>(found[c], f[7], f[8]));
        }
      }
  out.finish();
  return true;
}

void Plan::reduce(const Command &command, const Memories &memories) {
  const View &x = command.views[0], &y = command.views[1];
  const std::int64_t *f = command.scalars;
  const bool greatest = f[0] == 1, raw = !greatest && f[5] == 1;
  const std::int64_t zp_x = f[4], pre_shift = f[6];
  const Scale scale(greatest || raw ? 0 : f[7], greatest || raw ? 2 : f[8], f[12] != 0);
  const Bounds bounds(y, greatest ? 0 : f[9], f[10], f[11]);
  scratch.a.resize(static_cast<std::size_t>(x.w * x.c));
  scratch.sums.assign(static_cast<std::size_t>(y.elements()), greatest ? INT32_MIN : 0);
  for (std::int64_t i = 0; i < x.n; ++i)
    for (std::int64_t line = 0; line < x.h; ++line) {
      read_row(x, memories, i, line, scratch.a.data());
      const std::int32_t *from = scratch.a.data();
      std::int64_t *row = scratch.sums.data() + (i * y.h + (f[1] ? 0 : line)) * y.w * y.c;
      for (std::int64_t column = 0; column < x.w; ++column, from += x.c) {
        std::int64_t *to = row + (f[2] ? 0 : column * y.c);
        const std::int64_t step = f[3] ? 0 : 1;
        if (greatest)
          for (std::int64_t c = 0; c < x.c; ++c)
            to[c * step] = std::max<std::int64_t>(to[c * step], from[c]);
        else if (pre_shift)
          for (std::int64_t c = 0; c < x.c; ++c)
            to[c * step] += rounding_divide(from[c], pre_shift) - zp_x;
        else if (step)
          for (std::int64_t c = 0; c < x.c; ++c)
            to[c] += from[c] - zp_x;
        else
          for (std::int64_t c = 0; c < x.c; ++c)
            *to += from[c] - zp_x;
      }
    }
  scratch.values.resize(scratch.sums.size());
  for (std::size_t k = 0; k < scratch.sums.size(); ++k)
    scratch.values[k] = raw ? static_cast<std::int32_t>(scratch.sums[k]) : bounds(greatest ? scratch.sums[k] : scale(scratch.sums[k]));
  for (std::int64_t line = 0; line < y.n * y.h; ++line)
    write_values(y, memories, line / y.h, line % y.h, scratch.values.data() + line * y.w * y.c);
}

void Plan::table(const Command &command, const Memories &memories) {
  const View &x = command.views[0], &entries = command.views[1], &y = command.views[2];
  std::int32_t wide[256];
  read_all(entries, memories, wide);
  const std::int64_t row = y.w * y.c;
  scratch.values.resize(static_cast<std::size_t>(command.apart ? row * y.n * y.h : row));
  for (std::int64_t line = 0; line < y.n * y.h; ++line) {
    std::int32_t *values = scratch.values.data() + (command.apart ? line * row : 0);
    read_row(x, memories, line / y.h, line % y.h, values);
    for (std::int64_t k = 0; k < row; ++k)
      values[k] = wide[values[k] + 128];
    if (!command.apart)
      write_values(y, memories, line / y.h, line % y.h, values);
  }
  for (std::int64_t line = 0; command.apart && line < y.n * y.h; ++line)
    write_values(y, memories, line / y.h, line % y.h, scratch.values.data() + line * row);
}

void Plan::resize(const Command &command, const Memories &memories) {
  const View &x = command.views[0], &y = command.views[1];
  const std::int64_t *f = command.scalars;
  const std::int64_t row = x.w * x.c;
  if (f[6] == rounding_bilinear) {
    bilinear(command, memories);
    return;
  }
  const bool half = f[6] == rounding_half;
  scratch.a.resize(static_cast<std::size_t>(command.apart ? row * x.n * x.h : row));
  scratch.values.resize(static_cast<std::size_t>(y.w * y.c));
  for (std::int64_t line = 0; command.apart && line < x.n * x.h; ++line)
    read_row(x, memories, line / x.h, line % x.h, scratch.a.data() + line * row);
  for (std::int64_t i = 0; i < y.n; ++i)
    for (std::int64_t line = 0; line < y.h; ++line) {
      const std::int64_t source = resized(line, f, half, x.h);
      const std::int32_t *from = scratch.a.data() + (command.apart ? (i * x.h + source) * row : 0);
      if (!command.apart)
        read_row(x, memories, i, source, scratch.a.data());
      for (std::int64_t column = 0; column < y.w; ++column)
        std::copy_n(from + resized(column, f + 3, half, x.w) * x.c, x.c, scratch.values.data() + column * y.c);
      write_values(y, memories, i, line, scratch.values.data());
    }
}

void Plan::bilinear(const Command &command, const Memories &memories) {
  const View &x = command.views[0], &y = command.views[1];
  const std::int64_t *f = command.scalars;
  const std::int64_t row = x.w * x.c, n_y = f[0], n_x = f[3], unit = n_y * n_x;
  // two rows at a time, or all of them where the result lies over them
  scratch.a.resize(static_cast<std::size_t>(row * (command.apart ? x.n * x.h : 2)));
  scratch.values.resize(static_cast<std::size_t>(y.w * y.c));
  for (std::int64_t line = 0; command.apart && line < x.n * x.h; ++line)
    read_row(x, memories, line / x.h, line % x.h, scratch.a.data() + line * row);
  for (std::int64_t i = 0; i < y.n; ++i)
    for (std::int64_t line = 0; line < y.h; ++line) {
      const Between down = between(line, f, x.h);
      const std::int32_t *top = scratch.a.data() + (command.apart ? (i * x.h + down.lower) * row : 0);
      const std::int32_t *bottom = scratch.a.data() + (command.apart ? (i * x.h + down.upper) * row : row);
      if (!command.apart) {
        read_row(x, memories, i, down.lower, scratch.a.data());
        read_row(x, memories, i, down.upper, scratch.a.data() + row);
      }
      std::int32_t *to = scratch.values.data();
      for (std::int64_t column = 0; column < y.w; ++column) {
        const Between across = between(column, f + 3, x.w);
        const std::int64_t left = across.lower * x.c, right = across.upper * x.c;
        for (std::int64_t c = 0; c < x.c; ++c) {
          const std::int64_t upper = top[left + c] * (n_x - across.weight) + top[right + c] * across.weight;
          const std::int64_t lower = bottom[left + c] * (n_x - across.weight) + bottom[right + c] * across.weight;
          const std::int64_t total = upper * (n_y - down.weight) + lower * down.weight;
          const std::int64_t size = ((total < 0 ? -total : total) + unit / 2) / unit;
          *to++ = static_cast<std::int8_t>(total < 0 ? -size : size);
        }
      }
      write_values(y, memories, i, line, scratch.values.data());
    }
}

void Plan::softmax_exp(const Command &command, const Memories &memories) {
  const View &x = command.views[0], &top = command.views[1], &table = command.views[2], &y = command.views[3];
  std::int32_t entries[256];
  read_all(table, memories, entries);
  const std::int64_t row = y.w * y.c;
  scratch.b.resize(static_cast<std::size_t>(y.w));
  scratch.values.resize(static_cast<std::size_t>(row * y.n * y.h));
  for (std::int64_t line = 0; line < y.n * y.h; ++line) {
    std::int32_t *values = scratch.values.data() + line * row;
    read_row(x, memories, line / y.h, line % y.h, values);
    read_row(top, memories, line / y.h, line % y.h, scratch.b.data());
    for (std::int64_t k = 0; k < row; ++k)
      values[k] = entries[(scratch.b[static_cast<std::size_t>(k / y.c)] - values[k]) & 255];
  }
  for (std::int64_t line = 0; line < y.n * y.h; ++line)
    write_values(y, memories, line / y.h, line % y.h, scratch.values.data() + line * row);
}

void Plan::softmax_norm(const Command &command, const Memories &memories) {
  const View &exps = command.views[0], &row_sum = command.views[1], &y = command.views[2];
  const std::int64_t row = y.w * y.c;
  scratch.b.resize(static_cast<std::size_t>(y.w));
  scratch.values.resize(static_cast<std::size_t>(row * y.n * y.h));
  for (std::int64_t line = 0; line < y.n * y.h; ++line) {
    std::int32_t *values = scratch.values.data() + line * row;
    read_row(exps, memories, line / y.h, line % y.h, values);
    read_row(row_sum, memories, line / y.h, line % y.h, scratch.b.data());
    for (std::int64_t x = 0; x < y.w; ++x) {
      const auto [reciprocal, over] = row_reciprocal(scratch.b[static_cast<std::size_t>(x)]);
      for (std::int64_t c = 0; c < y.c; ++c, ++values) {
        const std::int64_t unsaturated = rounding_divide(multiply_high(*values, reciprocal), over + 31 - 8);
        *values = static_cast<std::int32_t>(std::clamp<std::int64_t>(unsaturated - 128, -128, 127));
      }
    }
  }
  for (std::int64_t line = 0; line < y.n * y.h; ++line)
    write_values(y, memories, line / y.h, line % y.h, scratch.values.data() + line * row);
}

} // namespace npuc
