// SPDX-License-Identifier: Apache-2.0
#include "hazards.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/view.h"

namespace npuc {
namespace {

constexpr std::size_t prune_every = 128;

// The bytes {start + sum(i_k * stride_k) + [0, run)}, 0 <= i_k < count_k.
struct Extent {
  std::int64_t start, run, low, high;
  int dimensions = 0;
  std::array<std::int64_t, 4> counts{}, strides{};
};

Extent merged(std::int64_t start, const View &view, std::int64_t rows) {
  Extent found{start, view.element(), 0, 0};
  std::array<std::pair<std::int64_t, std::int64_t>, 4> inner_first{
      {{view.stride_c, view.c}, {view.stride_w, view.w}, {view.stride_h, rows}, {view.stride_n, view.n}}};
  std::stable_sort(inner_first.begin(), inner_first.end(),
                   [](const auto &left, const auto &right) { return std::abs(left.first) < std::abs(right.first); });
  for (const auto &[stride, extent] : inner_first) {
    if (extent == 1 || !stride)
      continue;
    if (stride == found.run && !found.dimensions) {
      found.run *= extent;
      continue;
    }
    found.counts[static_cast<std::size_t>(found.dimensions)] = extent;
    found.strides[static_cast<std::size_t>(found.dimensions++)] = stride;
  }
  found.low = found.start, found.high = found.start + found.run;
  for (int k = 0; k < found.dimensions; ++k) {
    const std::int64_t reach = (found.counts[static_cast<std::size_t>(k)] - 1) * found.strides[static_cast<std::size_t>(k)];
    (reach < 0 ? found.low : found.high) += reach;
  }
  return found;
}

// The stretches of a view without a wrap.
void add_extents(const View &view, std::vector<Extent> &to) {
  if (!view.ring) {
    to.push_back(merged(view.base + view.first * view.stride_h, view, view.h));
    return;
  }
  const std::int64_t start = view.first % view.ring;
  const std::int64_t head = std::min(view.h, view.ring - start);
  to.push_back(merged(view.base + start * view.stride_h, view, head));
  if (head < view.h)
    to.push_back(merged(view.base, view, view.h - head));
}

// Calls `visit(first byte)` for every run until it says false; says whether it never did.
template <typename Visit> bool every_run(const Extent &extent, const Visit &visit) {
  std::array<std::int64_t, 4> at{};
  std::int64_t address = extent.start;
  for (;;) {
    if (!visit(address))
      return false;
    int k = 0;
    for (; k < extent.dimensions; ++k) {
      const auto i = static_cast<std::size_t>(k);
      address += extent.strides[i];
      if (++at[i] < extent.counts[i])
        break;
      address -= extent.strides[i] * extent.counts[i];
      at[i] = 0;
    }
    if (k == extent.dimensions)
      return true;
  }
}

std::vector<std::int64_t> run_starts(const Extent &extent) {
  std::vector<std::int64_t> starts;
  every_run(extent, [&](std::int64_t address) { return starts.push_back(address), true; });
  std::sort(starts.begin(), starts.end());
  return starts;
}

bool overlap(const Extent &left, const Extent &right) {
  if (left.high <= right.low || right.high <= left.low)
    return false;
  if (!left.dimensions && !right.dimensions)
    return true;
  const std::vector<std::int64_t> mine = run_starts(left), theirs = run_starts(right);
  // runs of one side are equally long: of two in a row the later one also ends later
  for (std::size_t i = 0, k = 0; i < mine.size() && k < theirs.size();) {
    if (mine[i] + left.run <= theirs[k])
      ++i;
    else if (theirs[k] + right.run <= mine[i])
      ++k;
    else
      return true;
  }
  return false;
}

struct Access {
  Extent extent;
  std::int64_t queue, position;
};

using Clock = std::vector<std::int64_t>;

class Checker {
public:
  Checker(const std::int64_t *rows, std::int64_t count, const Ground &given)
      : ground(given), lines(static_cast<std::size_t>(given.queues)), at(lines.size()),
        clocks(lines.size(), Clock(lines.size())), signals(static_cast<std::size_t>(given.semaphores)),
        signaller(signals.size(), -1) {
    for (const std::int64_t *row = rows, *end = rows + count; row < end; row += size_of(row))
      lines[static_cast<std::size_t>(row[0])].push_back(row);
  }

  static std::int64_t size_of(const std::int64_t *row) { return hazard_head + (row[4] + row[5]) * view_numbers; }

  bool run() {
    // each queue as far as it goes, in turn
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t q = 0; q < lines.size(); ++q)
        while (at[q] < lines[q].size() && !blocked(lines[q][at[q]])) {
          if (!step(q))
            return false;
          moved = true;
        }
    }
    for (std::size_t q = 0; q < lines.size(); ++q)
      if (at[q] < lines[q].size())
        return false;
    return true;
  }

private:
  bool blocked(const std::int64_t *row) const {
    return row[1] >= 0 && row[2] >= 0 && static_cast<std::int64_t>(signals[static_cast<std::size_t>(row[1])].size()) < row[2];
  }

  bool step(std::size_t q) {
    const std::int64_t *row = lines[q][at[q]];
    Clock &clock = clocks[q];
    if (row[1] >= 0) {
      const auto semaphore = static_cast<std::size_t>(row[1]);
      if (row[2] < 0) {
        // one queue signals a semaphore
        if (signaller[semaphore] >= 0 && signaller[semaphore] != row[0])
          return false;
        signaller[semaphore] = row[0];
        signals[semaphore].push_back(clock);
      } else if (row[2] > 0) {
        const Clock &other = signals[semaphore][static_cast<std::size_t>(row[2] - 1)];
        for (std::size_t p = 0; p < clock.size(); ++p)
          clock[p] = std::max(clock[p], other[p]);
      }
    } else if (!access(q, row, clock)) {
      return false;
    }
    ++clock[q];
    ++at[q];
    if (++steps % prune_every == 0)
      prune();
    return true;
  }

  bool access(std::size_t q, const std::int64_t *row, const Clock &clock) {
    views.clear();
    extents.clear();
    ends.clear();
    const std::int64_t reads = row[4], all = row[4] + row[5];
    for (std::int64_t i = 0; i < all; ++i) {
      View view;
      std::memcpy(&view, row + hazard_head + i * view_numbers, sizeof view);
      views.push_back(view);
      // as wide as i8, and no hazard depends on what padding reads as
      if (view.dtype == dtype_ui8)
        view.dtype = dtype_i8;
      view.pad_value = 0;
      if (!sound(view, ground.bytes) || (i >= reads && !ground.writable[view.space]))
        return false;
      add_extents(view, extents);
      ends.push_back(extents.size());
    }
    for (std::int64_t i = 0; i < all; ++i)
      for (std::size_t e = first(i); e < ends[static_cast<std::size_t>(i)]; ++e)
        for (const bool write : {true, false})
          if ((write || i >= reads) && races(extents[e], earlier[space(i)][write], clock))
            return false;
    for (std::int64_t out = reads; out < all; ++out)
      for (std::int64_t in = 0; in < reads; ++in)
        if (!own(in, out, row[3] != 0))
          return false;
    for (std::int64_t i = 0; i < reads; ++i)
      for (std::size_t e = first(i); e < ends[static_cast<std::size_t>(i)]; ++e)
        if (!every_run(extents[e], [&, run = static_cast<std::size_t>(extents[e].run)](std::int64_t address) {
              return !std::memchr(ground.written[space(i)] + address, 0, run);
            }))
          return false;
    for (std::int64_t i = 0; i < all; ++i)
      for (std::size_t e = first(i); e < ends[static_cast<std::size_t>(i)]; ++e) {
        if (i >= reads)
          every_run(extents[e], [&, run = static_cast<std::size_t>(extents[e].run)](std::int64_t address) {
            return std::memset(ground.written[space(i)] + address, 1, run), true;
          });
        earlier[space(i)][i >= reads].push_back({extents[e], static_cast<std::int64_t>(q), clock[q]});
      }
    return true;
  }

  std::size_t first(std::int64_t view) const { return view ? ends[static_cast<std::size_t>(view - 1)] : 0; }
  std::size_t space(std::int64_t view) const { return static_cast<std::size_t>(views[static_cast<std::size_t>(view)].space); }

  static bool races(const Extent &extent, const std::vector<Access> &others, const Clock &clock) {
    for (const Access &other : others)
      if (other.position >= clock[static_cast<std::size_t>(other.queue)] && overlap(extent, other.extent))
        return true;
    return false;
  }

  // A result lands on its own input only element for element, and only where `in_place` says so.
  bool own(std::int64_t in, std::int64_t out, bool in_place) const {
    const View &source = views[static_cast<std::size_t>(in)], &result = views[static_cast<std::size_t>(out)];
    if (source.space != result.space || (in_place && !source.padded() && source.same_bytes(result)))
      return true;
    for (std::size_t a = first(out); a < ends[static_cast<std::size_t>(out)]; ++a)
      for (std::size_t b = first(in); b < ends[static_cast<std::size_t>(in)]; ++b)
        if (overlap(extents[a], extents[b]))
          return false;
    return true;
  }

  // Forgets accesses that all commands still to come are ordered after.
  void prune() {
    Clock known;
    for (std::size_t q = 0; q < lines.size(); ++q) {
      if (at[q] == lines[q].size())
        continue;
      if (known.empty())
        known = clocks[q];
      for (std::size_t p = 0; p < known.size(); ++p)
        known[p] = std::min(known[p], clocks[q][p]);
    }
    if (known.empty())
      return;
    for (auto &kinds : earlier)
      for (std::vector<Access> &entries : kinds)
        std::erase_if(entries, [&](const Access &entry) { return entry.position < known[static_cast<std::size_t>(entry.queue)]; });
  }

  const Ground &ground;
  std::vector<std::vector<const std::int64_t *>> lines;
  std::vector<std::size_t> at;
  // clocks[q][p]: commands of queue p known to be complete before the next command of q starts
  std::vector<Clock> clocks;
  // semaphore -> clock of its signaller at each signal
  std::vector<std::vector<Clock>> signals;
  std::vector<std::int64_t> signaller;
  // by memory, then read or written
  std::vector<Access> earlier[3][2];
  std::size_t steps = 0;
  // of one command: its operands, their extents one after the other, and where each operand's end
  std::vector<View> views;
  std::vector<Extent> extents;
  std::vector<std::size_t> ends;
};

} // namespace

bool race_free(const std::int64_t *rows, std::int64_t count, const Ground &ground) { return Checker(rows, count, ground).run(); }

} // namespace npuc
