// SPDX-License-Identifier: Apache-2.0
#include "plan/price.h"

#include "sim/timing.h"

namespace npuc {

std::size_t Pricer::add(std::vector<Piece> pieces, const std::vector<Touch> &touches, std::size_t slots) {
  Step step{std::move(pieces), {}, slots};
  step.touches.reserve(touches.size());
  for (const Touch &one : touches)
    step.touches.push_back({static_cast<std::size_t>(one.command), one.slot < 0 ? 0 : static_cast<std::size_t>(one.slot), one.slot >= 0,
                            one.write != 0, one.memory, Extent(one.start, one.run, one.counts, one.strides)});
  steps_.push_back(std::move(step));
  return steps_.size() - 1;
}

Order Pricer::order(const std::vector<std::size_t> &steps, const std::int64_t *offsets) const {
  std::vector<Task> tasks;
  std::vector<Access> accesses;
  for (const std::size_t number : steps) {
    const Step &step = steps_[number];
    std::size_t touch = 0;
    for (std::size_t command = 0; command < step.pieces.size(); ++command) {
      const Piece &piece = step.pieces[command];
      const std::size_t first = accesses.size();
      for (; touch < step.touches.size() && step.touches[touch].command == command; ++touch) {
        const Placed &one = step.touches[touch];
        accesses.push_back({&one.extent, one.counted ? offsets[one.slot] : 0, one.memory, one.write});
      }
      tasks.push_back({piece.queue, piece.movable != 0, piece.transfer != 0, piece.latency, piece.transfer ? piece.port_cycles : piece.duration,
                       first, accesses.size() - first});
    }
    offsets += step.slots;
  }
  return synchronize(tasks, accesses, queues_, dma_queues_);
}

Pricer::Price Pricer::price(const std::vector<std::size_t> &steps, const std::int64_t *offsets) const {
  const Order order = this->order(steps, offsets);
  std::vector<const Piece *> pieces;
  for (const std::size_t number : steps)
    for (const Piece &piece : steps_[number].pieces)
      pieces.push_back(&piece);

  // one semaphore counts the signals of one queue
  std::vector<char> signals(pieces.size());
  for (const auto &waits : order.waits)
    for (const std::int32_t other : waits)
      signals[static_cast<std::size_t>(other)] = 1;
  std::vector<std::int64_t> counts(queues_), values(pieces.size());
  std::vector<Timed> timed;
  std::vector<std::size_t> work;
  for (std::size_t number = 0; number < pieces.size(); ++number) {
    const std::int64_t queue = order.queues[number];
    for (const std::int32_t other : order.waits[number]) {
      const auto awaited = static_cast<std::size_t>(other);
      timed.push_back({queue, order.queues[awaited], values[awaited], 0, 0, 0, 0});
    }
    const Piece &piece = *pieces[number];
    work.push_back(timed.size());
    timed.push_back({queue, -1, 0, piece.latency, piece.duration, piece.sram_share, piece.dram_share});
    if (signals[number]) {
      values[number] = ++counts[static_cast<std::size_t>(queue)];
      timed.push_back({queue, queue, -1, 0, 0, 0, 0});
    }
  }
  const auto queues = static_cast<std::int64_t>(queues_);
  const Times times = simulate(timed.data(), static_cast<std::int64_t>(timed.size()), queues, queues);

  Price found;
  found.total = times.total;
  found.waits.resize(layers_);
  found.busy.resize(layers_);
  std::vector<std::int64_t> until(queues_);
  for (std::size_t number = 0; number < pieces.size(); ++number) {
    if (pieces[number]->layer < 0)
      continue;
    const auto layer = static_cast<std::size_t>(pieces[number]->layer), queue = static_cast<std::size_t>(order.queues[number]);
    found.waits[layer] += times.starts[work[number]] - until[queue];
    found.busy[layer] += times.ends[work[number]] - times.starts[work[number]];
    until[queue] = times.ends[work[number]];
  }
  return found;
}

} // namespace npuc
