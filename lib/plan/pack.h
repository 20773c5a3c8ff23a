// SPDX-License-Identifier: Apache-2.0
// The complete search of npuc.plan.pack, number for number.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace npuc {

// Buffers that live from section `low` to section `high`, both included, to be placed below `capacity`.
class Packer {
public:
  enum Verdict { unknown = 0, found = 1, exhausted = 2 };
  enum Weighing { plain = 0, most = 1, sum = 2 };

  // sizes >= 1; 0 <= lows[i] <= highs[i] < sections; in the order of lows. Sums of sizes stay below 2^31.
  Packer(std::vector<std::int32_t> sizes, std::vector<std::int32_t> lows, std::vector<std::int32_t> highs, std::int32_t sections,
         std::int32_t capacity);

  // One descent from the start over at most `max_nodes` nodes; ranks[i] breaks ties, lower first.
  Verdict attempt(const std::vector<std::int32_t> &ranks, Weighing weighing, std::int64_t max_nodes);
  // Forgets where attempts failed; what was proved stays, up to a limit.
  void restart();

  std::size_t size() const { return sizes_.size(); }

  std::vector<std::int32_t> offsets;
  // Nodes of the last attempt, and buffers that all attempts looked at.
  std::int64_t nodes = 0, looks = 0;

private:
  struct Key {
    std::uint64_t first, second;
    bool operator==(const Key &) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key &key) const { return static_cast<std::size_t>(key.first); }
  };
  using Group = std::vector<std::int32_t>;

  bool solve(const Group &group, std::int32_t last);
  bool branch(const Group &group, std::int32_t last);
  std::int32_t failing_section(const Group &group, std::int32_t last);
  void carried(const Group &group, std::int32_t last, std::int32_t low, std::int32_t high);
  std::vector<std::int32_t> candidates(const Group &group, std::int32_t last, std::int32_t limit);
  bool twins(std::int32_t one, std::int32_t other) const;
  void put(std::int32_t index);
  void take_back(std::size_t floors, std::size_t placings);
  Key key(const Group &group) const;

  std::int32_t count_, sections_, capacity_;
  std::vector<std::int32_t> sizes_, lows_, highs_;
  std::vector<Group> neighbours_;
  // Lowest address that placed neighbours leave, and what is known of it in the node at hand.
  std::vector<std::int32_t> floors_, starts_;
  std::vector<char> placed_;
  std::vector<std::pair<std::int32_t, std::int32_t>> raised_;
  std::vector<std::int32_t> order_;
  // How often a section overflowed, since the last restart.
  std::vector<std::int64_t> weights_, priority_;
  std::unordered_map<Key, std::int32_t, Hash> failed_;
  // Scratch of the bounds, by section and by buffer.
  std::vector<std::int32_t> tops_, lowest_, second_;
  std::vector<std::uint64_t> sorted_;
  const std::int32_t *ranks_ = nullptr;
  Weighing weighing_ = plain;
  std::int64_t max_nodes_ = 0;
  bool over_ = false;
};

} // namespace npuc
