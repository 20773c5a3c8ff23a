# SPDX-License-Identifier: Apache-2.0
"""Are programs free of races because something checks it? Programs are broken on purpose, one place at a time.

    python bench/mutation.py                       20 networks of the tests' generators, on all kinds of machines and capacities
    python bench/mutation.py net.npub --sample 200

    remove a wait, remove a signal    every synchronization that the compiler put there, or a random sample of them
    shift an operand                  one operand of one command reads or writes one element further on

`flagged` mutants are refused by the decoder's rules, the hazard check or a deadlock. Of those that pass, `values` counts the ones
whose outputs are other bytes: no race, another program. `same` are the rest. A removed wait or signal that passes is *redundant*:
the hazard check is exact on happens-before, so without it every pair of conflicting accesses still has an order. Each one
is a synchronization that the compiler need not have emitted.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from npuc.errors import NpucError
from npuc.isa.base import Command, Operand, Space
from npuc.isa.legality import Legality
from npuc.isa.program import NpuSegment, Program
from npuc.isa.sync import Signal, Wait
from npuc.ops.base import NUMPY_DTYPES
from npuc.runtime import load
from npuc.sim import hazards

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test"))

NAMED = ("conv_chain", "residuals", "inverted_residuals", "inception", "pyramid", "classifier", "attention", "big_weights", "layout")
KINDS = ("remove a wait", "remove a signal", "shift an operand")
OUTCOMES = ("flagged", "values", "same")


def programs(count: int = 20) -> Iterator[tuple[str, Program]]:
    """Networks of the tests' generators, each on another machine or capacity."""
    from torch_mlir import ir

    from npuc import dialects
    from npuc.errors import DoesNotFit
    from samples import networks

    made = 0
    for seed in range(10 * count):
        if made == count:
            return
        name = NAMED[seed] if seed < len(NAMED) else f"random_network({seed})"
        target, sram_kib = networks.TARGETS[seed % len(networks.TARGETS)], networks.SRAM_KIB[seed % len(networks.SRAM_KIB)]
        with dialects.new_context(), ir.Location.unknown():
            module = getattr(networks, NAMED[seed])(seed) if seed < len(NAMED) else networks.random_network(seed)
            try:
                program = networks.run_levels(module, target, sram_kib).program
            except DoesNotFit:
                continue
        if program.command_count:
            made += 1
            yield f"{name} on {target}" + (f", {sram_kib} KiB" if sram_kib else ""), program


Mutant = tuple[str, str, Program]


def without(program: Program, segment: int, number: int) -> Program:
    """The program without one command."""
    part = program.segments[segment]
    assert isinstance(part, NpuSegment)
    commands = part.commands[:number] + part.commands[number + 1 :]
    return replace(program, segments=(*program.segments[:segment], NpuSegment(commands), *program.segments[segment + 1 :]))


def instead(program: Program, segment: int, number: int, command: Command) -> Program:
    """The program with another command in one place."""
    part = program.segments[segment]
    assert isinstance(part, NpuSegment)
    commands = (*part.commands[:number], command, *part.commands[number + 1 :])
    return replace(program, segments=(*program.segments[:segment], NpuSegment(commands), *program.segments[segment + 1 :]))


def places(program: Program) -> dict[str, list[tuple[int, int, str]]]:
    """Kind of mutation -> segment, number and field of every place for it."""
    found: dict[str, list[tuple[int, int, str]]] = {kind: [] for kind in KINDS}
    for index, segment in enumerate(program.segments):
        for number, command in enumerate(segment.commands if isinstance(segment, NpuSegment) else ()):
            instruction = command.instruction
            if isinstance(instruction, Wait | Signal):
                found[KINDS[isinstance(instruction, Signal)]].append((index, number, ""))
                continue
            for item in fields(instruction):
                view = getattr(instruction, item.name)
                if isinstance(view, Operand) and view.present:
                    found[KINDS[2]].append((index, number, item.name))
    return found


def mutate(program: Program, kind: str, segment: int, number: int, name: str) -> Program:
    """The mutant of one place."""
    if kind != KINDS[2]:
        return without(program, segment, number)
    part = program.segments[segment]
    assert isinstance(part, NpuSegment)
    command = part.commands[number]
    view = getattr(command.instruction, name)
    moved = replace(command.instruction, **{name: replace(view, base=view.base + view.dtype.bytes)})
    return instead(program, segment, number, replace(command, instruction=moved))


def outcome(program: Program, kind: str, place: tuple[int, int, str], inputs: list[np.ndarray], wanted: tuple[np.ndarray, ...]) -> str:
    """What becomes of a mutant."""
    mutant = mutate(program, kind, *place)
    segment, number, _ = place
    try:
        if kind == KINDS[2]:
            part = mutant.segments[segment]
            assert isinstance(part, NpuSegment)
            sizes = {Space.SRAM: program.sram_bytes, Space.DRAM: program.dram_bytes}
            if any(Legality(program.target, sizes).problems(part.commands[number])):
                return "flagged"
        hazards.check_program(mutant)
        found = load(mutant).run(*inputs)
    except NpucError:
        return "flagged"
    found = found if isinstance(found, tuple) else (found,)
    return "same" if all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True)) else "values"


def run(name: str, program: Program, sample: int, seed: int) -> Counter[tuple[str, str]]:
    """Outcomes by kind."""
    random = np.random.default_rng(seed)
    inputs = []
    for port in program.inputs:
        tensor = program.tensor(port.tensor_id)
        inputs.append(random.integers(0, 100, tensor.shape).astype(NUMPY_DTYPES[tensor.dtype]))
    hazards.check_program(program)
    wanted = load(program).run(*inputs)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    counts: Counter[tuple[str, str]] = Counter()
    for kind, found in places(program).items():
        chosen = found if len(found) <= sample else [found[index] for index in sorted(random.choice(len(found), sample, replace=False))]
        for place in chosen:
            result = outcome(program, kind, place, inputs, wanted)
            counts[kind, result] += 1
            if kind != KINDS[2] and result != "flagged":
                part = program.segments[place[0]]
                assert isinstance(part, NpuSegment)
                print(f"  redundant in {name}: command {place[1]}, {part.commands[place[1]].instruction}", file=sys.stderr)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("programs", nargs="*", type=Path, help=".npub files (default: networks of the tests)")
    parser.add_argument("--sample", type=int, default=25, help="mutants of each kind a program, at most")
    parser.add_argument("--count", type=int, default=20, help="how many networks of the tests")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chosen = ((path.stem, Program.from_bytes(path.read_bytes())) for path in options.programs) if options.programs else programs(options.count)
    headings = ["program", "commands", *(f"{kind}: {result}" for kind in KINDS for result in OUTCOMES)]
    print("| " + " | ".join(headings) + " |\n|" + "---|" * len(headings))
    total: Counter[tuple[str, str]] = Counter()
    commands = 0
    for name, program in chosen:
        counts = run(name, program, options.sample, options.seed)
        total += counts
        commands += program.command_count
        print("| " + " | ".join(map(str, [name, program.command_count, *(counts[kind, result] for kind in KINDS for result in OUTCOMES)])) + " |", flush=True)
    print("| " + " | ".join(map(str, ["**all**", commands, *(total[kind, result] for kind in KINDS for result in OUTCOMES)])) + " |")


if __name__ == "__main__":
    main()
