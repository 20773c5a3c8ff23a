// SPDX-License-Identifier: Apache-2.0
// Proves a segment free of races, as npuc.sim.hazards does; what is wrong where it is not, that file says.
#pragma once

#include <cstdint>

namespace npuc {

// What the checker is told of a machine and of its memories; flags by `Space`.
struct Ground {
  std::int64_t queues, semaphores;
  std::int64_t bytes[3];
  bool writable[3];
  std::uint8_t *written[3]; // one flag a byte: it holds a value
};

inline constexpr std::int64_t hazard_head = 6;

// A row is: queue, semaphore (-1: work), value (-1: signal), 1 where a result may land on its own input, count of operands read and
// written, and 19 numbers of each operand.
//
// True where every access is proved ordered, inside its memory and of bytes that hold a value; `written` then says what holds one at
// the end. False where something is wrong or out of this function's range: `written` is spoilt, and the caller looks closer.
bool race_free(const std::int64_t *rows, std::int64_t count, const Ground &ground);

} // namespace npuc
