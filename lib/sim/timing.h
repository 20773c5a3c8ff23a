// SPDX-License-Identifier: Apache-2.0
// The discrete-event engine of npuc.timing.engine, number for number.
#pragma once

#include <cstdint>
#include <vector>

namespace npuc {

// A command as the engine sees it. semaphore < 0: work; else value < 0 signals and value >= 0 waits for at least that count.
struct Timed {
  std::int64_t queue, semaphore, value, latency, duration, sram_share, dram_share;
};

struct Times {
  std::int64_t total = 0;
  std::vector<std::int64_t> starts, ends, busy;
  // Queues that never ended, and where they stand; empty where all is well.
  std::vector<std::int64_t> stuck;
};

// queues and semaphores are within 0 .. queues-1 and 0 .. semaphores-1.
Times simulate(const Timed *commands, std::int64_t count, std::int64_t queues, std::int64_t semaphores);

} // namespace npuc
