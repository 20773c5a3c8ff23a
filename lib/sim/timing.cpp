// SPDX-License-Identifier: Apache-2.0
#include "timing.h"

#include <algorithm>
#include <cstddef>

namespace npuc {
namespace {

constexpr std::int64_t bits = 16;
constexpr std::int64_t whole = std::int64_t{1} << bits;

std::int64_t ceil_div(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

enum class State : std::uint8_t { idle, blocked, delayed, working, done };

struct Queue {
  std::vector<std::int64_t> line; // numbers of its commands
  std::size_t at = 0;
  State state = State::idle;
  std::int64_t until = 0; // delayed: cycle at which the latency ends
  std::int64_t left = 0;  // working: work left, 16 fractional bits
  std::int64_t rate = 0;
};

class Engine {
public:
  Engine(const Timed *given, std::int64_t count, std::int64_t queue_count, std::int64_t semaphores)
      : commands(given), queues(static_cast<std::size_t>(queue_count)), counters(static_cast<std::size_t>(semaphores)) {
    for (std::int64_t number = 0; number < count; ++number)
      queues[static_cast<std::size_t>(commands[number].queue)].line.push_back(number);
    times.starts.resize(static_cast<std::size_t>(count));
    times.ends.resize(static_cast<std::size_t>(count));
    times.busy.resize(queues.size());
  }

  Times run() {
    std::int64_t now = 0;
    for (;;) {
      start(now);
      set_rates();
      std::int64_t soonest = -1;
      for (const Queue &queue : queues) {
        std::int64_t end = -1;
        if (queue.state == State::delayed)
          end = queue.until;
        else if (queue.state == State::working)
          end = now + ceil_div(queue.left, queue.rate);
        if (end >= 0 && (soonest < 0 || end < soonest))
          soonest = end;
      }
      if (soonest < 0)
        break;
      advance(soonest, soonest - now);
      now = soonest;
    }
    times.total = now;
    for (std::size_t q = 0; q < queues.size(); ++q)
      if (queues[q].at < queues[q].line.size())
        times.stuck.push_back(static_cast<std::int64_t>(q));
    return std::move(times);
  }

private:
  const Timed &head(const Queue &queue) const { return commands[queue.line[queue.at]]; }

  void complete(std::size_t q, std::int64_t now) {
    Queue &queue = queues[q];
    const auto number = static_cast<std::size_t>(queue.line[queue.at]);
    times.ends[number] = now;
    times.busy[q] += now - times.starts[number];
    ++queue.at;
    queue.state = State::idle;
  }

  // Every idle queue goes on until it works, waits or ends; a signal may free another.
  void start(std::int64_t now) {
    bool raised = true;
    while (raised) {
      raised = false;
      for (std::size_t q = 0; q < queues.size(); ++q)
        if (queues[q].state == State::idle || queues[q].state == State::blocked)
          raised |= go_on(q, now);
    }
  }

  // Whether the queue signalled.
  bool go_on(std::size_t q, std::int64_t now) {
    Queue &queue = queues[q];
    bool raised = false;
    while (queue.at < queue.line.size()) {
      const Timed &command = head(queue);
      const auto number = static_cast<std::size_t>(queue.line[queue.at]);
      if (command.semaphore < 0) {
        times.starts[number] = now;
        if (command.latency) {
          queue.until = now + command.latency;
          queue.state = State::delayed;
        } else if (command.duration) {
          queue.left = command.duration << bits;
          queue.state = State::working;
        } else {
          complete(q, now);
          continue;
        }
        return raised;
      }
      std::int64_t &counter = counters[static_cast<std::size_t>(command.semaphore)];
      if (command.value < 0) {
        ++counter;
        raised = true;
      } else if (counter < command.value) {
        queue.state = State::blocked;
        return raised;
      }
      times.starts[number] = times.ends[number] = now;
      ++queue.at;
    }
    queue.state = State::done;
    return raised;
  }

  // Progress a cycle of every working queue, 16 fractional bits.
  void set_rates() {
    std::int64_t sram = 0, dram = 0;
    for (const Queue &queue : queues)
      if (queue.state == State::working) {
        sram += head(queue).sram_share;
        dram += head(queue).dram_share;
      }
    const std::int64_t sram_rate = sram <= whole ? whole : (whole << bits) / sram;
    const std::int64_t dram_rate = dram <= whole ? whole : (whole << bits) / dram;
    for (Queue &queue : queues)
      if (queue.state == State::working) {
        const Timed &command = head(queue);
        queue.rate = command.sram_share ? sram_rate : whole;
        if (command.dram_share)
          queue.rate = std::min(queue.rate, dram_rate);
      }
  }

  void advance(std::int64_t now, std::int64_t elapsed) {
    for (std::size_t q = 0; q < queues.size(); ++q) {
      Queue &queue = queues[q];
      if (queue.state == State::working) {
        queue.left -= queue.rate * elapsed;
        if (queue.left <= 0)
          complete(q, now);
      } else if (queue.state == State::delayed && queue.until <= now) {
        const std::int64_t duration = head(queue).duration;
        if (duration) {
          queue.left = duration << bits;
          queue.state = State::working;
        } else {
          complete(q, now);
        }
      }
    }
  }

  const Timed *commands;
  std::vector<Queue> queues;
  std::vector<std::int64_t> counters;
  Times times;
};

} // namespace

Times simulate(const Timed *commands, std::int64_t count, std::int64_t queues, std::int64_t semaphores) {
  return Engine(commands, count, queues, semaphores).run();
}

} // namespace npuc
