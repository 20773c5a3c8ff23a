// SPDX-License-Identifier: Apache-2.0
// Twin of python/npuc/plan/pack.py, which explains the search.
#include "plan/pack.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace npuc {

namespace {

constexpr std::int32_t nowhere = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t remembered = 1'000'000;

std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 30;
  value *= 0xbf58476d1ce4e5b9u;
  value ^= value >> 27;
  value *= 0x94d049bb133111ebu;
  return value ^ value >> 31;
}

} // namespace

Packer::Packer(std::vector<std::int32_t> sizes, std::vector<std::int32_t> lows, std::vector<std::int32_t> highs, std::int32_t sections,
               std::int32_t capacity)
    : count_(static_cast<std::int32_t>(sizes.size())), sections_(sections), capacity_(capacity), sizes_(std::move(sizes)),
      lows_(std::move(lows)), highs_(std::move(highs)) {
  const auto buffers = static_cast<std::size_t>(count_), parts = static_cast<std::size_t>(sections_);
  neighbours_.resize(buffers);
  for (std::int32_t i = 0; i < count_; ++i)
    for (std::int32_t j = 0; j < count_; ++j)
      if (i != j && lows_[i] <= highs_[j] && lows_[j] <= highs_[i])
        neighbours_[i].push_back(j);
  starts_.resize(buffers);
  priority_.resize(buffers);
  weights_.resize(parts);
  tops_.resize(parts);
  lowest_.resize(parts);
  second_.resize(parts);
}

void Packer::restart() {
  std::fill(weights_.begin(), weights_.end(), 0);
  if (failed_.size() > remembered)
    failed_.clear();
}

Packer::Verdict Packer::attempt(const std::vector<std::int32_t> &ranks, Weighing weighing, std::int64_t max_nodes) {
  const auto buffers = static_cast<std::size_t>(count_);
  ranks_ = ranks.data();
  weighing_ = weighing;
  max_nodes_ = max_nodes;
  nodes = 0;
  over_ = false;
  offsets.assign(buffers, 0);
  floors_.assign(buffers, 0);
  placed_.assign(buffers, 0);
  raised_.clear();
  order_.clear();
  Group all(buffers);
  for (std::int32_t i = 0; i < count_; ++i)
    all[i] = i;
  if (solve(all, 0))
    return found;
  return over_ ? unknown : exhausted;
}

// Parts of the group that share no section are independent: each must succeed.
bool Packer::solve(const Group &group, std::int32_t last) {
  std::vector<Group> parts;
  std::int32_t reach = -1;
  for (const std::int32_t i : group) {
    if (lows_[i] > reach)
      parts.emplace_back();
    parts.back().push_back(i);
    reach = std::max(reach, highs_[i]);
  }
  std::stable_sort(parts.begin(), parts.end(), [](const Group &a, const Group &b) { return a.size() < b.size(); });
  return std::all_of(parts.begin(), parts.end(), [&](const Group &part) { return branch(part, last); });
}

bool Packer::branch(const Group &group, std::int32_t last) {
  const Key here = key(group);
  if (const auto known = failed_.find(here); known != failed_.end() && known->second <= last)
    return false;
  if (++nodes > max_nodes_) {
    over_ = true;
    return false;
  }
  looks += static_cast<std::int64_t>(group.size());
  const auto fail = [&] {
    const auto [entry, fresh] = failed_.try_emplace(here, last);
    if (!fresh)
      entry->second = std::min(entry->second, last);
    return false;
  };
  std::int32_t limit = nowhere;
  for (const std::int32_t i : group)
    limit = std::min(limit, floors_[i] + sizes_[i]);
  if (limit <= last)
    return fail();
  if (const std::int32_t section = failing_section(group, last); section >= 0) {
    ++weights_[section];
    return fail();
  }
  const Group ways = candidates(group, last, limit);
  Group rest;
  rest.reserve(group.size());
  for (std::size_t at = 0; at < ways.size(); ++at) {
    const std::int32_t chosen = ways[at];
    if (std::any_of(ways.begin(), ways.begin() + static_cast<std::ptrdiff_t>(at), [&](std::int32_t one) { return twins(one, chosen); }))
      continue;
    const std::size_t raised = raised_.size(), placings = order_.size();
    put(chosen);
    rest.clear();
    std::copy_if(group.begin(), group.end(), std::back_inserter(rest), [&](std::int32_t i) { return i != chosen; });
    if (solve(rest, offsets[chosen]))
      return true;
    take_back(raised, placings);
    if (over_)
      return false;
  }
  return fail();
}

std::int32_t Packer::failing_section(const Group &group, std::int32_t last) {
  const std::int32_t low = lows_[group.front()];
  std::int32_t high = low;
  bool sunk = false;
  for (const std::int32_t i : group) {
    high = std::max(high, highs_[i]);
    starts_[i] = std::max(floors_[i], last);
    sunk |= floors_[i] < last;
  }
  if (sunk)
    carried(group, last, low, high);
  sorted_.clear();
  for (const std::int32_t i : group) {
    if (starts_[i] == nowhere)
      return lows_[i];
    sorted_.push_back(static_cast<std::uint64_t>(starts_[i]) << 32 | static_cast<std::uint32_t>(i));
  }
  std::sort(sorted_.begin(), sorted_.end());
  std::int32_t *tops = tops_.data();
  std::fill(tops + low, tops + high + 1, 0);
  for (const std::uint64_t entry : sorted_) {
    const auto i = static_cast<std::int32_t>(entry & 0xffffffffu), start = static_cast<std::int32_t>(entry >> 32);
    const std::int32_t size = sizes_[i], end = highs_[i];
    for (std::int32_t s = lows_[i]; s <= end; ++s)
      tops[s] = std::max(tops[s], start) + size;
  }
  for (std::int32_t s = low; s <= high; ++s)
    if (tops[s] > capacity_)
      return s;
  return -1;
}

// What lies deeper than `last` now must come to rest on another buffer of the group.
void Packer::carried(const Group &group, std::int32_t last, std::int32_t low, std::int32_t high) {
  std::fill(lowest_.begin() + low, lowest_.begin() + high + 1, nowhere);
  std::fill(second_.begin() + low, second_.begin() + high + 1, nowhere);
  for (const std::int32_t i : group) {
    const std::int32_t top = starts_[i] + sizes_[i];
    for (std::int32_t s = lows_[i]; s <= highs_[i]; ++s) {
      second_[s] = std::min(second_[s], std::max(lowest_[s], top));
      lowest_[s] = std::min(lowest_[s], top);
    }
  }
  sorted_.clear();
  for (const std::int32_t i : group) {
    if (floors_[i] >= last)
      continue;
    const std::int32_t top = starts_[i] + sizes_[i];
    std::int32_t start = nowhere;
    for (std::int32_t s = lows_[i]; s <= highs_[i]; ++s)
      start = std::min(start, lowest_[s] == top ? second_[s] : lowest_[s]);
    sorted_.push_back(static_cast<std::uint64_t>(start) << 32 | static_cast<std::uint32_t>(i));
  }
  for (const std::uint64_t entry : sorted_)
    starts_[static_cast<std::int32_t>(entry & 0xffffffffu)] = static_cast<std::int32_t>(entry >> 32);
}

std::vector<std::int32_t> Packer::candidates(const Group &group, std::int32_t last, std::int32_t limit) {
  Group ways;
  for (const std::int32_t i : group) {
    if (floors_[i] < last || floors_[i] >= limit)
      continue;
    std::int64_t weight = 0;
    for (std::int32_t s = lows_[i]; weighing_ != plain && s <= highs_[i]; ++s)
      weight = weighing_ == most ? std::max(weight, weights_[s]) : weight + weights_[s];
    priority_[i] = weight;
    ways.push_back(i);
  }
  std::sort(ways.begin(), ways.end(), [this](std::int32_t a, std::int32_t b) {
    if (floors_[a] != floors_[b])
      return floors_[a] < floors_[b];
    return priority_[a] != priority_[b] ? priority_[a] > priority_[b] : ranks_[a] < ranks_[b];
  });
  return ways;
}

bool Packer::twins(std::int32_t one, std::int32_t other) const {
  return lows_[one] == lows_[other] && highs_[one] == highs_[other] && sizes_[one] == sizes_[other];
}

void Packer::put(std::int32_t index) {
  offsets[index] = floors_[index];
  placed_[index] = 1;
  order_.push_back(index);
  const std::int32_t top = floors_[index] + sizes_[index];
  for (const std::int32_t other : neighbours_[index]) {
    if (placed_[other] || floors_[other] >= top)
      continue;
    raised_.emplace_back(other, floors_[other]);
    floors_[other] = top;
  }
}

void Packer::take_back(std::size_t floors, std::size_t placings) {
  for (; raised_.size() > floors; raised_.pop_back())
    floors_[raised_.back().first] = raised_.back().second;
  for (; order_.size() > placings; order_.pop_back())
    placed_[order_.back()] = 0;
}

// Two sums of 64 bits: what is left depends on which buffers are left and on their floors alone.
Packer::Key Packer::key(const Group &group) const {
  Key sum{0, 0};
  for (const std::int32_t i : group) {
    const std::uint64_t value = mix(static_cast<std::uint64_t>(i) << 32 ^ static_cast<std::uint32_t>(floors_[i]) ^ 0x9e3779b97f4a7c15u);
    sum.first += value;
    sum.second += mix(value ^ 0xd1b54a32d192ed03u);
  }
  return sum;
}

} // namespace npuc
