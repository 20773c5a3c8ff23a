// SPDX-License-Identifier: Apache-2.0
// A list of commands that is executed without Python: checked once, run as often as wanted.
//
// A descriptor is what a command's fields hold, as i64: opcode, count of the numbers that follow, then the fields in the order of
// `layouts()`, an operand as 19 numbers. What this engine does not know, or finds unsound, it leaves to its caller: `run` stops
// before such a command, and the caller gives it its effect. Under opcode -1 the numbers are triples of what the command writes:
// space, first byte, one past the last.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/path.h"
#include "view.h"

namespace npuc {

// What the engine knows of an instruction: its fields by name. Fields in `unread` change the time of a command, not its values.
struct Layout {
  int opcode;
  std::string mnemonic;
  std::vector<std::string> operands, scalars, unread;
};
const std::vector<Layout> &layouts();

inline constexpr int max_operands = 5;
inline constexpr int max_scalars = 16;

// A packed right side with the numbers of its output path.
struct Packed {
  std::vector<std::uint8_t> weights; // one group after the other
  std::int64_t group_bytes = 0;
  std::vector<std::int32_t> bias, multiplier;
  std::vector<std::int64_t> shift, round, extra;
  bool sound = true; // every scale record is one that a rescale has
};

struct Written {
  std::int64_t space;
  Range range;
};

struct Command {
  int opcode = -1;      // -1: left to the caller
  bool foreign = false; // unknown from the start; `writes` says what it writes
  std::vector<Written> writes;
  bool apart = false;   // the output lies over an input: all is read before anything is written
  View views[max_operands] = {};
  std::int64_t scalars[max_scalars] = {};
  // Where the operands that a MAC command packs come from, where that never changes; else -1.
  std::int64_t origin_weights = -1, origin_scales = -1;
  std::shared_ptr<const Packed> packed; // kept between runs where the origins are known
};

class Plan {
public:
  // constant_bytes: how much of DRAM, from address 0 on, holds the same values at the start of every run.
  Plan(const std::int64_t *descriptors, std::int64_t count, std::int64_t sram_bytes, std::int64_t dram_bytes, std::int64_t constant_bytes);

  std::int64_t size() const { return static_cast<std::int64_t>(commands.size()); }
  bool known(std::int64_t index) const { return commands[static_cast<std::size_t>(index)].opcode >= 0; }
  // Executes commands first .. last-1; returns the first that was not executed, `last` if there is none.
  std::int64_t run(std::int64_t first, std::int64_t last, std::uint8_t *sram, std::uint8_t *dram, const Path &path);

  // No command writes to the constants; false where that is not known.
  bool keeps_constants() const { return constants_kept; }

  const std::int64_t memory_bytes[3];

private:
  // Buffers that live as long as the plan: after the first run nothing is allocated.
  struct Scratch {
    std::vector<std::uint8_t> lhs;
    std::vector<std::int8_t> patches, input, output, pad;
    std::vector<std::int32_t> a, b, values, row_terms;
    std::vector<std::int64_t> sums;
    std::vector<std::int8_t *> rows;
    std::vector<const std::int8_t *> taps, row_taps;
  };
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                         std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

  void find_origins(std::int64_t constant_bytes);
  bool execute(Command &command, const Memories &memories, const Path &path);
  bool conv2d(Command &command, const Memories &memories, const Path &path);
  bool depthwise(Command &command, const Memories &memories, const Path &path);
  bool matmul(const Command &command, const Memories &memories, const Path &path);
  void elementwise(const Command &command, const Memories &memories);
  bool pool(const Command &command, const Memories &memories);
  void reduce(const Command &command, const Memories &memories);
  void table(const Command &command, const Memories &memories);
  void resize(const Command &command, const Memories &memories);
  void bilinear(const Command &command, const Memories &memories);
  void softmax_exp(const Command &command, const Memories &memories);
  void softmax_norm(const Command &command, const Memories &memories);
  std::shared_ptr<const Packed> packed_of(Command &command, const Memories &memories, const Path &path, bool depthwise);
  void look_up(const View &table, const Memories &memories, const Output &out, const View &ofm);
  void write_values(const View &ofm, const Memories &memories, std::int64_t i, std::int64_t y, const std::int32_t *values);

  std::vector<Command> commands;
  bool constants_kept = false;
  std::map<Key, std::shared_ptr<const Packed>> kept;
  const Path *last_path = nullptr;
  Scratch scratch;
};

} // namespace npuc
