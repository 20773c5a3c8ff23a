// SPDX-License-Identifier: Apache-2.0
#include "hazards.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/view.h"
#include "isa/extent.h"

namespace npuc {
namespace {

constexpr std::size_t prune_every = 128;

// Rows of a view without a wrap, contiguous inner dimensions folded into one run.
Extent merged(std::int64_t start, const View &view, std::int64_t rows) {
  // the channels of a brick are neighbours
  const bool bricks = view.brick_stride != 0;
  std::array<std::pair<std::int64_t, std::int64_t>, 4> inner_first{{{bricks ? view.brick_stride : view.stride_c, bricks ? view.c / brick : view.c},
                                                                      {view.stride_w, view.w},
                                                                      {view.stride_h, rows},
                                                                      {view.stride_n, view.n}}};
  std::stable_sort(inner_first.begin(), inner_first.end(),
                   [](const auto &left, const auto &right) { return std::abs(left.first) < std::abs(right.first); });
  std::int64_t run = view.element() * (bricks ? brick : 1), counts[Extent::dimensions] = {1, 1, 1, 1}, strides[Extent::dimensions] = {};
  std::size_t kept = 0;
  for (const auto &[stride, extent] : inner_first) {
    if (extent == 1 || !stride)
      continue;
    if (stride == run && !kept)
      run *= extent;
    else
      counts[kept] = extent, strides[kept++] = stride;
  }
  return {start, run, counts, strides};
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
        if (!extents[e].every_run([&, run = static_cast<std::size_t>(extents[e].run())](std::int64_t address) {
              return !std::memchr(ground.written[space(i)] + address, 0, run);
            }))
          return false;
    for (std::int64_t i = 0; i < all; ++i)
      for (std::size_t e = first(i); e < ends[static_cast<std::size_t>(i)]; ++e) {
        if (i >= reads)
          extents[e].every_run([&, run = static_cast<std::size_t>(extents[e].run())](std::int64_t address) {
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
      if (other.position >= clock[static_cast<std::size_t>(other.queue)] && extent.overlaps(other.extent))
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
        if (extents[a].overlaps(extents[b]))
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
