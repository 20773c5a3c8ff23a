// SPDX-License-Identifier: Apache-2.0
// The Python face of what the planner spends its time on: placements, the order of queues, prices of schedules.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "isa/blocks.h"
#include "plan/first_fit.h"
#include "plan/pack.h"
#include "plan/price.h"
#include "plan/synchronize.h"

namespace nb = nanobind;

namespace {

using Rows = nb::ndarray<const std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Numbers = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

[[noreturn]] void refuse(const std::string &text) { throw nb::value_error(text.c_str()); }

using Units = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

std::vector<std::int32_t> units(const Units &array) { return {array.data(), array.data() + array.shape(0)}; }

npuc::Packer packer(const Units &sizes, const Units &lows, const Units &highs, std::int32_t sections, std::int32_t capacity) {
  const std::size_t count = sizes.shape(0);
  if (lows.shape(0) != count || highs.shape(0) != count)
    refuse("lows, highs: " + std::to_string(lows.shape(0)) + " and " + std::to_string(highs.shape(0)) + " values, wanted " + std::to_string(count));
  std::int64_t whole = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const bool sorted = !i || lows.data()[i - 1] <= lows.data()[i];
    if (sizes.data()[i] < 1 || lows.data()[i] < 0 || highs.data()[i] < lows.data()[i] || highs.data()[i] >= sections || !sorted)
      refuse("buffer " + std::to_string(i) + ": wanted a size of at least 1 and sections in 0.." + std::to_string(sections - 1) + ", in the order of lows");
    whole += sizes.data()[i];
  }
  if (whole >= INT32_MAX || capacity < 0)
    refuse("sizes: their sum is " + std::to_string(whole) + ", wanted less than " + std::to_string(INT32_MAX) + ", and a capacity of at least 0");
  return {units(sizes), units(lows), units(highs), sections, capacity};
}

int attempt(npuc::Packer &self, const Units &ranks, int weighing, std::int64_t max_nodes) {
  if (ranks.shape(0) != self.size() || weighing < npuc::Packer::plain || weighing > npuc::Packer::sum)
    refuse("ranks: " + std::to_string(ranks.shape(0)) + " values, wanted " + std::to_string(self.size()) + "; weighing is " +
           std::to_string(weighing) + ", wanted 0..2");
  const nb::gil_scoped_release free_gil;
  return self.attempt(units(ranks), static_cast<npuc::Packer::Weighing>(weighing), max_nodes);
}

// Rows of i64 as structures of i64.
template <typename T> std::vector<T> rows(const Rows &array, const char *name) {
  constexpr std::size_t columns = sizeof(T) / sizeof(std::int64_t);
  if (array.shape(1) != columns)
    refuse(std::string(name) + ": " + std::to_string(array.shape(1)) + " columns, wanted " + std::to_string(columns));
  std::vector<T> found(array.shape(0));
  if (!found.empty())
    std::memcpy(found.data(), array.data(), found.size() * sizeof(T));
  return found;
}

nb::tuple first_fit(const Rows &buffers, const Numbers &order) {
  const auto lifetimes = rows<npuc::Lifetime>(buffers, "buffers");
  const std::vector<std::int64_t> turns(order.data(), order.data() + order.shape(0));
  std::vector<char> seen(lifetimes.size());
  for (const std::int64_t index : turns) {
    if (index < 0 || index >= static_cast<std::int64_t>(lifetimes.size()) || seen[static_cast<std::size_t>(index)])
      refuse("order: " + std::to_string(index) + " is no buffer, or comes twice");
    seen[static_cast<std::size_t>(index)] = 1;
  }
  for (const npuc::Lifetime &one : lifetimes)
    if (one.size < 0 || one.size > std::int64_t{1} << 40 || one.first < 0 || one.last < one.first)
      refuse("buffers: a size is " + std::to_string(one.size) + ", a lifetime " + std::to_string(one.first) + ".." + std::to_string(one.last));
  const std::vector<std::int64_t> offsets = npuc::first_fit(lifetimes, turns);
  std::int64_t peak = 0;
  for (std::size_t i = 0; i < offsets.size(); ++i)
    peak = std::max(peak, offsets[i] + lifetimes[i].size);
  return nb::make_tuple(offsets, peak);
}

// The queues of a machine, as far as the order of commands depends on them.
struct Queues {
  std::size_t count;
  std::vector<std::int64_t> dma;

  Queues(std::int64_t queues, const std::vector<std::int64_t> &dma_queues) : count(static_cast<std::size_t>(queues)), dma(dma_queues) {
    if (queues < 1 || queues > 1 << 16)
      refuse("queues: " + std::to_string(queues) + ", wanted 1..65536");
    for (const std::int64_t queue : dma)
      if (queue < 0 || queue >= queues)
        refuse("dma_queues: " + std::to_string(queue) + " is no queue");
  }
};

void check(const std::vector<npuc::Piece> &pieces, const std::vector<npuc::Touch> &touches, std::int64_t queues, std::int64_t slots) {
  constexpr std::int64_t limit = std::int64_t{1} << 45;
  const auto sound = [](std::int64_t value, std::int64_t high) { return value >= 0 && value <= high; };
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const npuc::Piece &one = pieces[i];
    if (!sound(one.queue, queues - 1) || !sound(one.latency, limit) || !sound(one.duration, limit) || !sound(one.port_cycles, limit) ||
        !sound(one.sram_share, 1 << 16) || !sound(one.dram_share, 1 << 16))
      refuse("commands: row " + std::to_string(i) + " has a queue or a figure out of range");
  }
  for (std::size_t i = 0; i < touches.size(); ++i) {
    const npuc::Touch &one = touches[i];
    const std::int64_t before = i ? touches[i - 1].command : 0;
    bool good = one.command >= before && one.command < static_cast<std::int64_t>(pieces.size()) && sound(one.memory, npuc::memories - 1) &&
                one.slot >= -1 && one.slot < slots && sound(one.start, limit) && sound(one.run, limit);
    for (std::size_t k = 0; k < npuc::Extent::dimensions; ++k)
      good = good && sound(one.counts[k], 1 << 24) && one.strides[k] > -limit && one.strides[k] < limit;
    if (!good)
      refuse("touches: row " + std::to_string(i) + " is out of range, or not in the order of commands");
  }
}

nb::tuple synchronize(const Rows &commands, const Rows &touches, std::int64_t queues, const std::vector<std::int64_t> &dma_queues) {
  const Queues machine(queues, dma_queues);
  const auto pieces = rows<npuc::Piece>(commands, "commands");
  const auto touched = rows<npuc::Touch>(touches, "touches");
  check(pieces, touched, queues, 0);
  npuc::Pricer alone(machine.count, machine.dma, 0);
  const std::size_t step = alone.add(pieces, touched, 0);
  const npuc::Order order = alone.order({step}, nullptr);
  return nb::make_tuple(order.queues, order.waits);
}

// A pricer that Python holds.
npuc::Pricer pricer(std::int64_t queues, const std::vector<std::int64_t> &dma_queues, std::int64_t layers) {
  const Queues machine(queues, dma_queues);
  if (layers < 0)
    refuse("layers: " + std::to_string(layers) + ", wanted at least 0");
  return {machine.count, machine.dma, static_cast<std::size_t>(layers)};
}

std::size_t add(npuc::Pricer &self, const Rows &commands, const Rows &touches, std::int64_t slots) {
  auto pieces = rows<npuc::Piece>(commands, "commands");
  const auto touched = rows<npuc::Touch>(touches, "touches");
  check(pieces, touched, static_cast<std::int64_t>(self.queues()), slots);
  for (const npuc::Piece &one : pieces)
    if (one.layer >= static_cast<std::int64_t>(self.layers()))
      refuse("commands: layer " + std::to_string(one.layer) + ", wanted less than " + std::to_string(self.layers()));
  return self.add(std::move(pieces), touched, static_cast<std::size_t>(slots));
}

nb::tuple price(const npuc::Pricer &self, const Numbers &steps, const Numbers &offsets) {
  std::vector<std::size_t> numbers;
  std::size_t slots = 0;
  for (std::size_t i = 0; i < steps.shape(0); ++i) {
    const std::int64_t step = steps.data()[i];
    if (step < 0 || step >= static_cast<std::int64_t>(self.size()))
      refuse("steps: " + std::to_string(step) + ", wanted 0.." + std::to_string(self.size()));
    numbers.push_back(static_cast<std::size_t>(step));
    slots += self.slots(numbers.back());
  }
  if (offsets.shape(0) != slots)
    refuse("offsets: " + std::to_string(offsets.shape(0)) + " values, wanted " + std::to_string(slots));
  npuc::Pricer::Price found;
  {
    const nb::gil_scoped_release free_gil;
    found = self.price(numbers, offsets.data());
  }
  return nb::make_tuple(found.total, found.waits, found.busy);
}

template <typename T> T numbers_as(const std::vector<std::int64_t> &numbers, const char *name) {
  if (numbers.size() * sizeof(std::int64_t) != sizeof(T))
    refuse(std::string(name) + ": " + std::to_string(numbers.size()) + " numbers, wanted " + std::to_string(sizeof(T) / sizeof(std::int64_t)));
  T found;
  std::memcpy(&found, numbers.data(), sizeof found);
  return found;
}

nb::tuple choose_block(const std::vector<std::int64_t> &work, const std::vector<std::int64_t> &core) {
  const auto given = numbers_as<npuc::MacWork>(work, "work");
  const auto machine = numbers_as<npuc::Core>(core, "core");
  const bool positive = std::min({given.out[0], given.out[1], given.out[2], given.strides[0], given.strides[1]}) > 0 && given.channel_step >= 0;
  const bool spaces = (given.ifm.dram | given.ofm.dram | given.weights_dram) >> 1 == 0;
  if (!positive || !spaces || std::any_of(core.begin(), core.end(), [](std::int64_t figure) { return figure < 1; }))
    refuse("work, core: a figure is out of range");
  const npuc::ChosenBlock found = npuc::choose_block(given, machine);
  return nb::make_tuple(found.height, found.width, found.channels, found.order);
}

} // namespace

void bind_plan(nb::module_ &m) {
  using namespace nb::literals;
  nb::class_<npuc::Packer>(m, "Packer", "A search for a placement below a top; see npuc.plan.pack.")
      .def("__init__",
           [](npuc::Packer *self, const Units &sizes, const Units &lows, const Units &highs, std::int32_t sections, std::int32_t capacity) {
             new (self) npuc::Packer(packer(sizes, lows, highs, sections, capacity));
           },
           "sizes"_a, "lows"_a, "highs"_a, "sections"_a, "capacity"_a)
      .def("attempt", &attempt, "ranks"_a, "weighing"_a, "max_nodes"_a, "0: not found yet, 1: found, 2: there is none.")
      .def("restart", &npuc::Packer::restart)
      .def_prop_ro("offsets", [](const npuc::Packer &self) { return self.offsets; })
      .def_prop_ro("nodes", [](const npuc::Packer &self) { return self.nodes; })
      .def_prop_ro("looks", [](const npuc::Packer &self) { return self.looks; });
  m.def("choose_block", &choose_block, "work"_a, "core"_a,
        "Height, width, channels and loop order of a MAC instruction's best block, height 0 where none fits; numbers as lib/isa/blocks.h lists\n"
        "them. See npuc.isa.blocks.");
  m.def("first_fit", &first_fit, "buffers"_a, "order"_a,
        "Offsets of buffers i64 [N, 3] (size, first, last), each in its turn as low as it fits, and the top; see npuc.plan.place.");
  m.def("synchronize", &synchronize, "commands"_a, "touches"_a, "queues"_a, "dma_queues"_a,
        "The queue of each command, and the commands that it waits for, the newest first; see npuc.plan.synchronize.\n\n"
        "commands: i64 [N, 9]: queue, movable, transfer, latency, duration, SRAM share, DRAM share, cycles of the off-chip port, layer;\n"
        "touches: i64 [M, 14] in the order of commands: command, memory, write, slot (-1), start, run, 4 counts, 4 strides.");
  nb::class_<npuc::Pricer>(m, "Pricer", "Times schedules made of steps that are known but for the addresses of their buffers; see npuc.plan.price.")
      .def("__init__",
           [](npuc::Pricer *self, std::int64_t queues, const std::vector<std::int64_t> &dma_queues, std::int64_t layers) {
             new (self) npuc::Pricer(pricer(queues, dma_queues, layers));
           },
           "queues"_a, "dma_queues"_a, "layers"_a)
      .def("add", &add, "commands"_a, "touches"_a, "slots"_a, "A step, as in synchronize; a slot is a buffer of the step. Returns its number.")
      .def("price", &price, "steps"_a, "offsets"_a,
           "Cycles of the steps i64 [N] whose buffers lie at offsets, one step's after the other's: the total, and by layer the cycles that\n"
           "its queue stands still before its commands, and that these take.");
}
