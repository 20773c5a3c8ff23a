// SPDX-License-Identifier: Apache-2.0
// What a schedule costs: steps whose commands are known but for the addresses of their buffers. See npuc.plan.price.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "plan/synchronize.h"

namespace npuc {

// A command of a step. `layer` < 0: a transfer, which belongs to none.
struct Piece {
  std::int64_t queue, movable, transfer, latency, duration, sram_share, dram_share, port_cycles, layer;
};

// Bytes that a command of a step touches; slot < 0: at the address itself, else counted from the step's buffer of that number.
struct Touch {
  std::int64_t command, memory, write, slot, start, run;
  std::int64_t counts[Extent::dimensions], strides[Extent::dimensions];
};

class Pricer {
public:
  struct Price {
    std::int64_t total = 0;
    // By layer: cycles that its queue stands still before its commands, and that these take.
    std::vector<std::int64_t> waits, busy;
  };

  Pricer(std::size_t queues, std::vector<std::int64_t> dma_queues, std::size_t layers)
      : queues_(queues), dma_queues_(std::move(dma_queues)), layers_(layers) {}

  // A step's commands; touches in the order of their commands. Returns its number.
  std::size_t add(std::vector<Piece> pieces, const std::vector<Touch> &touches, std::size_t slots);
  // steps: numbers of `add`; offsets: the addresses of each one's buffers, one step after the other.
  Order order(const std::vector<std::size_t> &steps, const std::int64_t *offsets) const;
  Price price(const std::vector<std::size_t> &steps, const std::int64_t *offsets) const;

  std::size_t queues() const { return queues_; }
  std::size_t layers() const { return layers_; }
  std::size_t size() const { return steps_.size(); }
  std::size_t slots(std::size_t step) const { return steps_[step].slots; }

private:
  struct Placed {
    std::size_t command, slot;
    bool counted, write;
    std::int64_t memory;
    Extent extent;
  };
  struct Step {
    std::vector<Piece> pieces;
    std::vector<Placed> touches;
    std::size_t slots;
  };

  std::size_t queues_;
  std::vector<std::int64_t> dma_queues_;
  std::size_t layers_;
  // a deque: extents are pointed at
  std::deque<Step> steps_;
};

} // namespace npuc
