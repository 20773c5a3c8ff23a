// SPDX-License-Identifier: Apache-2.0
// Twin of python/npuc/plan/synchronize.py, which explains what is done.
#include "plan/synchronize.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

namespace npuc {
namespace {

// As npuc.plan.synchronize.PRUNE_COMMANDS.
constexpr std::size_t prune_commands = 512;

using Clock = std::vector<std::int64_t>;

struct Entry {
  std::int64_t low, high;
  const Access *access;
  std::size_t command, queue;
  // Position of the command in its queue, and when it is estimated to end.
  std::int64_t place, end;
};

class Synchronizer {
public:
  Synchronizer(const std::vector<Task> &given, const std::vector<Access> &touched, std::size_t queue_count,
               const std::vector<std::int64_t> &dma)
      : tasks(given), accesses(touched), queues(queue_count), dma_queues(dma), known(queue_count, Clock(queue_count)), issued(queue_count),
        free(queue_count), places(given.size()) {
    order.queues.reserve(given.size());
    clocks.reserve(given.size());
  }

  Order run() {
    for (std::size_t number = 0; number < tasks.size(); ++number) {
      step(number);
      if (number % prune_commands == prune_commands - 1 && queues > 1)
        prune();
    }
    return std::move(order);
  }

private:
  static std::int64_t low(const Access &access) { return access.extent->low() + access.shift; }
  static std::int64_t high(const Access &access) { return access.extent->high() + access.shift; }

  std::int64_t ready(const Task &task) const {
    std::int64_t latest = 0;
    for (std::size_t i = task.first_access; i < task.first_access + task.accesses; ++i) {
      const Access &access = accesses[i];
      const std::int64_t from = low(access), to = high(access);
      for (const Entry &entry : log[access.memory])
        if (entry.low < to && entry.high > from && (access.write || entry.access->write))
          latest = std::max(latest, entry.end);
    }
    return latest;
  }

  std::size_t choose(const Task &task, std::int64_t soonest) const {
    const auto own = static_cast<std::size_t>(task.queue);
    if (!task.movable)
      return own;
    // its own where that is no later, else the first
    std::size_t best = own;
    for (const std::int64_t candidate : dma_queues) {
      const auto queue = static_cast<std::size_t>(candidate);
      if (std::max(free[queue], soonest) < std::max(free[best], soonest))
        best = queue;
    }
    return best;
  }

  std::int64_t occupy(const Task &task, std::size_t queue, std::int64_t soonest) {
    const std::int64_t start = std::max(free[queue], soonest);
    std::int64_t end = start + task.latency;
    if (task.transfer)
      end = port = std::max(end, port) + task.cycles;
    else
      end += task.cycles;
    free[queue] = end;
    return end;
  }

  // Newest commands of other queues that this one conflicts with and that are not known to be complete.
  std::vector<std::int32_t> conflicts(const Task &task, std::size_t queue) const {
    std::vector<std::int32_t> needed;
    Clock latest(queues);
    for (std::size_t i = task.first_access; i < task.first_access + task.accesses; ++i) {
      const Access &access = accesses[i];
      const std::int64_t from = low(access), to = high(access);
      std::fill(latest.begin(), latest.end(), 0);
      const std::vector<Entry> &entries = log[access.memory];
      for (std::size_t k = entries.size(); k-- > 0;) {
        const Entry &entry = entries[k];
        if (entry.low >= to || entry.high <= from || !(access.write || entry.access->write) || entry.queue == queue ||
            entry.place <= known[queue][entry.queue] || entry.place <= latest[entry.queue])
          continue;
        if (access.extent->overlaps(*entry.access->extent, access.shift, entry.access->shift)) {
          latest[entry.queue] = entry.place;
          needed.push_back(static_cast<std::int32_t>(entry.command));
        }
      }
    }
    std::sort(needed.begin(), needed.end(), std::greater<>());
    needed.erase(std::unique(needed.begin(), needed.end()), needed.end());
    return needed;
  }

  void step(std::size_t number) {
    const Task &task = tasks[number];
    const std::int64_t soonest = ready(task);
    const std::size_t queue = choose(task, soonest);
    const std::int64_t end = occupy(task, queue, soonest);
    order.queues.push_back(static_cast<std::int64_t>(queue));
    Clock &clock = known[queue];
    std::vector<std::int32_t> kept;
    for (const std::int32_t other : conflicts(task, queue)) {
      const auto other_number = static_cast<std::size_t>(other);
      const auto other_queue = static_cast<std::size_t>(order.queues[other_number]);
      if (places[other_number] <= clock[other_queue])
        continue;
      kept.push_back(other);
      for (std::size_t q = 0; q < queues; ++q)
        clock[q] = std::max(clock[q], clocks[other_number][q]);
      clock[other_queue] = std::max(clock[other_queue], places[other_number]);
    }
    order.waits.push_back(std::move(kept));
    places[number] = ++issued[queue];
    clocks.push_back(clock);
    for (std::size_t i = task.first_access; i < task.first_access + task.accesses; ++i)
      log[accesses[i].memory].push_back({low(accesses[i]), high(accesses[i]), &accesses[i], number, queue, places[number], end});
  }

  // What every other queue knows to be complete nobody waits for any more.
  void prune() {
    Clock surest(queues);
    for (std::size_t queue = 0; queue < queues; ++queue) {
      bool first = true;
      for (std::size_t other = 0; other < queues; ++other)
        if (other != queue) {
          surest[queue] = first ? known[other][queue] : std::min(surest[queue], known[other][queue]);
          first = false;
        }
    }
    for (std::vector<Entry> &entries : log)
      std::erase_if(entries, [&](const Entry &entry) { return entry.place <= surest[entry.queue]; });
  }

  const std::vector<Task> &tasks;
  const std::vector<Access> &accesses;
  const std::size_t queues;
  const std::vector<std::int64_t> &dma_queues;
  std::array<std::vector<Entry>, memories> log;
  // What each queue knows to be complete of every queue, and what each command's queue knew behind it.
  std::vector<Clock> known, clocks;
  Clock issued, free, places;
  std::int64_t port = 0;
  Order order;
};

} // namespace

Order synchronize(const std::vector<Task> &tasks, const std::vector<Access> &accesses, std::size_t queues,
                  const std::vector<std::int64_t> &dma_queues) {
  return Synchronizer(tasks, accesses, queues, dma_queues).run();
}

} // namespace npuc
