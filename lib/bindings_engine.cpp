// SPDX-License-Identifier: Apache-2.0
// The Python face of the command engine and of the timing engine.
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "engine/plan.h"
#include "engine/view.h"
#include "kernels/path.h"
#include "sim/hazards.h"
#include "sim/timing.h"

namespace nb = nanobind;

namespace {

using Numbers = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Rows = nb::ndarray<const std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

[[noreturn]] void refuse(const std::string &text) { throw nb::value_error(text.c_str()); }

const npuc::Path &path_of(const std::string &name) {
  const npuc::Paths paths = npuc::available_paths();
  if (name == "auto")
    return *paths.begin[0];
  std::string known;
  for (int i = 0; i < paths.count; ++i) {
    if (name == paths.begin[i]->name)
      return *paths.begin[i];
    known += std::string(i ? ", " : "") + paths.begin[i]->name;
  }
  refuse("path is '" + name + "', this processor runs " + known);
}

// A plan and the lock that keeps two threads from sharing its buffers.
struct SharedPlan {
  npuc::Plan plan;
  std::mutex busy;

  SharedPlan(const Numbers &descriptors, std::int64_t sram_bytes, std::int64_t dram_bytes, std::int64_t constant_bytes)
      : plan(descriptors.data(), static_cast<std::int64_t>(descriptors.shape(0)), sram_bytes, dram_bytes, constant_bytes) {}

  std::int64_t run(std::int64_t first, std::int64_t last, const Bytes &sram, const Bytes &dram, const std::string &path) {
    const npuc::Path &chosen = path_of(path);
    if (static_cast<std::int64_t>(sram.shape(0)) != plan.memory_bytes[npuc::space_sram] ||
        static_cast<std::int64_t>(dram.shape(0)) != plan.memory_bytes[npuc::space_dram])
      refuse("sram, dram: " + std::to_string(sram.shape(0)) + " and " + std::to_string(dram.shape(0)) + " bytes, wanted " +
             std::to_string(plan.memory_bytes[npuc::space_sram]) + " and " + std::to_string(plan.memory_bytes[npuc::space_dram]));
    if (first < 0 || last > plan.size() || first > last)
      refuse("first, last are " + std::to_string(first) + ", " + std::to_string(last) + ", wanted 0.." + std::to_string(plan.size()));
    std::uint8_t *sram_data = sram.data(), *dram_data = dram.data();
    const nb::gil_scoped_release free_gil;
    const std::lock_guard<std::mutex> hold(busy);
    return plan.run(first, last, sram_data, dram_data, chosen);
  }

  std::vector<std::int64_t> left_out() const {
    std::vector<std::int64_t> found;
    for (std::int64_t i = 0; i < plan.size(); ++i)
      if (!plan.known(i))
        found.push_back(i);
    return found;
  }
};

nb::dict layouts() {
  nb::dict found;
  for (const npuc::Layout &layout : npuc::layouts())
    found[layout.mnemonic.c_str()] = nb::make_tuple(layout.opcode, layout.operands, layout.scalars, layout.unread);
  return found;
}

nb::tuple paths() {
  nb::list names;
  const npuc::Paths found = npuc::available_paths();
  for (int i = 0; i < found.count; ++i)
    names.append(found.begin[i]->name);
  return nb::tuple(names);
}

template <typename T> nb::ndarray<nb::numpy, T> give(std::vector<T> &&values) {
  auto *kept = new std::vector<T>(std::move(values));
  const nb::capsule owner(kept, [](void *p) noexcept { delete static_cast<std::vector<T> *>(p); });
  const std::size_t shape[1] = {kept->size()};
  return nb::ndarray<nb::numpy, T>(kept->data(), 1, shape, owner);
}

nb::tuple simulate(const Rows &commands, std::int64_t queues, std::int64_t semaphores) {
  constexpr std::int64_t columns = sizeof(npuc::Timed) / sizeof(std::int64_t);
  constexpr std::int64_t limit = std::int64_t{1} << 45;
  if (commands.shape(1) != columns)
    refuse("commands: " + std::to_string(commands.shape(1)) + " columns, wanted " + std::to_string(columns));
  const auto count = static_cast<std::int64_t>(commands.shape(0));
  const auto *timed = reinterpret_cast<const npuc::Timed *>(commands.data());
  if (queues < 0 || queues > 1 << 16 || semaphores < 0 || semaphores > 1 << 20)
    refuse("queues or semaphores are out of range");
  for (std::int64_t i = 0; i < count; ++i) {
    const npuc::Timed &one = timed[i];
    if (one.queue < 0 || one.queue >= queues || one.semaphore >= semaphores)
      refuse("commands: row " + std::to_string(i) + " names a queue or semaphore that is not there");
    // a share is at most one port; times add up in i64 with 16 fractional bits
    if (one.latency < 0 || one.latency >= limit || one.duration < 0 || one.duration >= limit || one.sram_share < 0 ||
        one.sram_share > 1 << 16 || one.dram_share < 0 || one.dram_share > 1 << 16)
      refuse("commands: row " + std::to_string(i) + " has a figure out of range");
  }
  npuc::Times times;
  {
    const nb::gil_scoped_release free_gil;
    times = npuc::simulate(timed, count, queues, semaphores);
  }
  return nb::make_tuple(times.total, give(std::move(times.starts)), give(std::move(times.ends)), times.busy, times.stuck);
}

bool race_free(const Numbers &rows, std::int64_t queues, std::int64_t semaphores, const Bytes &sram, const Bytes &dram, bool sram_writable,
               bool dram_writable) {
  const auto count = static_cast<std::int64_t>(rows.shape(0));
  if (queues < 0 || queues > 1 << 16 || semaphores < 0 || semaphores > 1 << 20)
    refuse("queues or semaphores are out of range");
  const std::int64_t *data = rows.data();
  for (std::int64_t at = 0; at < count;) {
    const std::int64_t *row = data + at;
    if (count - at < npuc::hazard_head || row[0] < 0 || row[0] >= queues || row[1] >= semaphores || row[4] < 0 || row[4] > 64 || row[5] < 0 ||
        row[5] > 64 || (row[4] + row[5]) * npuc::view_numbers > count - at - npuc::hazard_head)
      refuse("rows: number " + std::to_string(at) + " begins no row");
    at += npuc::hazard_head + (row[4] + row[5]) * npuc::view_numbers;
  }
  const npuc::Ground ground{queues,
                            semaphores,
                            {0, static_cast<std::int64_t>(sram.shape(0)), static_cast<std::int64_t>(dram.shape(0))},
                            {false, sram_writable, dram_writable},
                            {nullptr, sram.data(), dram.data()}};
  const nb::gil_scoped_release free_gil;
  return npuc::race_free(data, count, ground);
}

} // namespace

void bind_engine(nb::module_ &m) {
  using namespace nb::literals;
  m.def("paths", &paths, "Names of the code paths that this processor runs, fastest first; the last is 'portable'.");
  m.def("layouts", &layouts,
        "Mnemonic -> (opcode, operand fields, scalar fields, fields that change no value) of every instruction that Plan executes.");
  nb::class_<SharedPlan>(m, "Plan",
                         "Commands that run without Python. Descriptors: opcode, count of numbers, the numbers; see lib/engine/plan.h.")
      .def(nb::init<const Numbers &, std::int64_t, std::int64_t, std::int64_t>(), "descriptors"_a, "sram_bytes"_a, "dram_bytes"_a,
           "constant_bytes"_a, "ValueError where the descriptors are cut short or a command has another number of fields than it should.")
      .def("run", &SharedPlan::run, "first"_a, "last"_a, "sram"_a, "dram"_a, "path"_a = "auto",
           "Execute commands first..last-1 on the u8 images, in place, without the GIL. Returns the first command that was not\n"
           "executed, because the engine does not know it or it is not sound; `last` where there is none.")
      .def("left_out", &SharedPlan::left_out, "Numbers of the commands that are the caller's to execute.")
      .def_prop_ro("keeps_constants", [](const SharedPlan &self) { return self.plan.keeps_constants(); },
                   "No command writes to the constants; False where that is not known.")
      .def("__len__", [](const SharedPlan &self) { return self.plan.size(); });
  m.def("simulate", &simulate, "commands"_a, "queues"_a, "semaphores"_a,
        "Times of commands i64 [N, 7]: queue, semaphore (-1: work), value (-1: signal), latency, duration, SRAM share, DRAM share.\n"
        "Returns total, starts [N], ends [N], busy cycles by queue, queues that never end (a deadlock). See npuc.timing.engine.");
  m.def("race_free", &race_free, "rows"_a, "queues"_a, "semaphores"_a, "sram"_a, "dram"_a, "sram_writable"_a, "dram_writable"_a,
        "Whether every access of a segment is ordered, in bounds and of bytes that hold a value; rows as lib/sim/hazards.h says.\n"
        "sram, dram: u8, 1 where a byte holds a value; what holds one at the end where the answer is True, spoilt where it is False.\n"
        "ValueError for rows that are cut short or name a queue or semaphore that is not there.");
}
