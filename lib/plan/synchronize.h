// SPDX-License-Identifier: Apache-2.0
// The order of queues of npuc.plan.synchronize, number for number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "isa/extent.h"

namespace npuc {

// One extent that a command touches, `shift` bytes from where it says. A memory is a number from 0 on.
struct Access {
  const Extent *extent;
  std::int64_t shift, memory;
  bool write;
};

// What decides where a command stands. Of the DMA queues a movable one goes to the one that is estimated to start it first.
struct Task {
  std::int64_t queue;
  bool movable, transfer;
  // A transfer takes the off-chip port for `cycles` behind its latency; other work takes latency + cycles.
  std::int64_t latency, cycles;
  std::size_t first_access, accesses;
};

struct Order {
  std::vector<std::int64_t> queues;
  // Commands that each one waits for, the newest first.
  std::vector<std::vector<std::int32_t>> waits;
};

constexpr std::int64_t memories = 2;

// dma_queues: those that movable transfers choose from, in their order.
Order synchronize(const std::vector<Task> &tasks, const std::vector<Access> &accesses, std::size_t queues,
                  const std::vector<std::int64_t> &dma_queues);

} // namespace npuc
