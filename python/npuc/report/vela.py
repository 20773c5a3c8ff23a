# SPDX-License-Identifier: Apache-2.0
"""Runs Vela (ethos-u-vela), the compiler of the machines that the parity presets stand for, and reads what it reports.

Vela is a program of its own, in an environment of its own; nothing of it is imported. Its debug database says of every op it scheduled
the shapes, formats, memories, block and estimated cycles.
"""

import csv
import importlib
import io
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

from npuc.errors import UserInputError

VERSION = "5.2.0"

_BITS = {"Int8": 8, "UInt8": 8, "Int16": 16, "Int32": 32}


@dataclass(frozen=True)
class Setup:
    """How Vela is told about the machine of a parity preset.

    Attributes:
        memory_modes: places of weights and feature maps that the machine offers, Vela's default for it first.
    """

    accelerator: str
    system: str
    memory_modes: tuple[str, ...]


SETUPS = {
    "u55-128": Setup("ethos-u55-128", "Ethos_U55_High_End_Embedded", ("Shared_Sram",)),
    "u55-256": Setup("ethos-u55-256", "Ethos_U55_High_End_Embedded", ("Shared_Sram",)),
    "u65-512-flash": Setup("ethos-u65-512", "Ethos_U65_Embedded", ("Shared_Sram",)),
    "u65-512-dram": Setup("ethos-u65-512", "Ethos_U65_High_End", ("Dedicated_Sram_384KB", "Shared_Sram")),
}


@dataclass(frozen=True)
class Mode:
    """One way to run Vela.

    Attributes:
        memory: a memory mode.
        optimise: Performance or Size.
        cascade: stripes through several ops are allowed.
        arena_bytes: the SRAM that it is told to aim at; None for its own default.
    """

    memory: str
    optimise: str = "Performance"
    cascade: bool = True
    arena_bytes: int | None = None

    @property
    def name(self) -> str:
        """Short, for tables."""
        return f"{self.memory} {self.optimise}{'' if self.cascade else ' no cascades'}"


def modes(preset: str, cap_bytes: int | None) -> tuple[Mode, ...]:
    """Every mode worth a try on `preset` with `cap_bytes` of SRAM, Vela's default first."""
    setup = SETUPS[preset]
    found = [Mode(setup.memory_modes[0])]
    for memory in setup.memory_modes:
        # without the size in its name: the arena says it
        plain = re.sub(r"_\d+KB$", "", memory)
        for optimise in ("Performance", "Size"):
            for cascade in (True, False):
                found.append(Mode(plain, optimise, cascade, cap_bytes))
    return tuple(found)


@dataclass(frozen=True)
class Layer:
    """One op as Vela scheduled it, with what it reports for it; the columns of a calibration table.

    Attributes:
        count: how many ops of the network are like this one.
        source: the operator of the file that it came from.
        fused: activation that it ends with: relu, table, or nothing.
        ifm, ifm2, ofm: H, W, C; no second input is 0, 0, 0.
        *_bits, *_on_chip, *_bricks: element width; lies in SRAM; channels in bricks of 16.
        block: H, W, C of an output block.
        stripe_rows: output rows that pass at once.
        weight_bytes, scale_bytes: as they are stored, all cores.
        slices: channels where the weights are cut, 0 first, the depth last.
        buffered: weights are brought to SRAM first.
        cycles: what Vela reports for the op, all waiting included.
    """

    preset: str
    model: str
    count: int
    source: str
    op: str
    fused: str
    ifm: tuple[int, ...]
    ifm_bits: int
    ifm_on_chip: int
    ifm_bricks: int
    ifm2: tuple[int, ...]
    ifm2_bits: int
    ifm2_on_chip: int
    ifm2_bricks: int
    ofm: tuple[int, ...]
    ofm_bits: int
    ofm_on_chip: int
    ofm_bricks: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    block: tuple[int, ...]
    part_kernel: int
    stripe_rows: int
    weight_bytes: int
    scale_bytes: int
    slices: tuple[int, ...]
    buffered: int
    cycles: int


@dataclass(frozen=True)
class Outcome:
    """One run of Vela.

    Attributes:
        cpu_ops: operators that it leaves to the host, by name.
        seconds, memory_bytes: wall time and peak memory of the process.
    """

    mode: Mode
    cycles: int
    macs: int
    peak_sram_bytes: int
    off_chip_read_bytes: int
    off_chip_write_bytes: int
    npu_ops: int
    cpu_ops: tuple[str, ...]
    seconds: float
    memory_bytes: int
    layers: tuple[Layer, ...]


def network_bytes(model: Path) -> tuple[int, int]:
    """Bytes of the inputs and of the outputs of a network as an NPU sees them: floats are a byte each, for the host quantizes them.

    Raises:
        UserInputError: the `tflite` package is missing.
    """
    try:
        tflite = importlib.import_module("tflite")
    except ImportError as error:
        raise UserInputError("reading a .tflite file needs the package 'tflite'", advice="pip install 'npuc[tflite]'") from error
    graph = tflite.Model.GetRootAsModel(model.read_bytes(), 0).Subgraphs(0)

    def size(number: int) -> int:
        tensor = graph.Tensors(number)
        # an open batch of -1 is 1
        return math.prod(abs(int(tensor.Shape(axis))) for axis in range(tensor.ShapeLength())) * (2 if tensor.Type() == tflite.TensorType.INT16 else 1)

    inputs = sum(size(graph.Inputs(position)) for position in range(graph.InputsLength()))
    return inputs, sum(size(graph.Outputs(position)) for position in range(graph.OutputsLength()))


def find(path: str | None = None) -> str:
    """The program to run: `path`, or `vela` of the search path.

    Raises:
        UserInputError: there is none.
    """
    found = shutil.which(path or "vela")
    if found is None:
        raise UserInputError(
            "Vela is not installed here", found=path or "no `vela` on the search path",
            advice=f"pip install ethos-u-vela=={VERSION} in an environment of its own, and name its program: --vela PATH",
        )  # fmt: skip
    return found


# started anew, because a process counts the memory of the one that started it as its own
_METER = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.call(sys.argv[2:], stdout=sys.stderr)
seconds = time.perf_counter() - start
kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
with open(sys.argv[1], "w") as file:
    json.dump([code, seconds, kib * 1024], file)
"""


def measured(command: Sequence[str]) -> tuple[int, str, float, int]:
    """Exit code, text on both outputs, wall seconds and peak memory in bytes of a command, its start included."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        meter = subprocess.run([sys.executable, "-c", _METER, str(figures), *command], stderr=subprocess.PIPE, check=False)
        code, seconds, memory = json.loads(figures.read_text())
        return code, meter.stderr.decode(errors="replace"), seconds, memory


def compiled(program: str, model: Path, preset: str, mode: Mode, keep_layers: bool = True) -> Outcome:
    """Compile `model` with Vela.

    Raises:
        UserInputError: Vela refuses it; its last words are in the error.
    """
    setup = SETUPS[preset]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            program, "--accelerator-config", setup.accelerator, "--config", "Arm/vela.ini", "--system-config", setup.system,
            "--memory-mode", mode.memory, "--optimise", mode.optimise, "--output-dir", folder,
            *(() if mode.cascade else ("--disable-cascading",)),
            *(() if mode.arena_bytes is None else ("--arena-cache-size", str(mode.arena_bytes))),
            str(model),
        ]  # fmt: skip
        code, text, seconds, memory = measured(command)
        if code:
            raise UserInputError(f"Vela refuses '{model}'", found=text.strip()[-400:])
        # the database costs time of its own: a run that is not timed writes it
        code, text, _, _ = measured([*command[:-1], "--verbose-performance", "--enable-debug-db", str(model)])
        if code:
            raise UserInputError(f"Vela refuses '{model}'", found=text.strip()[-400:])
        out = Path(folder)
        (summary,) = csv.DictReader(next(out.glob("*_summary_*.csv")).read_text().splitlines())
        rows = list(csv.DictReader(next(out.glob("*_per-layer.csv")).read_text().splitlines()))
        layers = tuple(read_layers(next(out.glob("*_debug.xml")).read_text(), rows, preset, model.stem)) if keep_layers else ()
    off_chip = [name for name in ("dram", "off_chip_flash") if f"{name}_total_bytes" in summary]

    def total(kind: str) -> int:
        return sum(int(float(summary[f"{name}_{part}_{kind}_bytes"])) for name in off_chip for part in ("feature_map", "weight"))

    return Outcome(
        mode=mode, cycles=int(float(summary["cycles_total"])), macs=int(float(summary["nn_macs"])),
        peak_sram_bytes=int(float(summary["sram_memory_used"]) * 1024), off_chip_read_bytes=total("read"), off_chip_write_bytes=total("write"),
        npu_ops=sum(row["Target"] == "NPU" for row in rows), cpu_ops=tuple(row["Original Operator"] for row in rows if row["Target"] != "NPU"),
        seconds=seconds, memory_bytes=memory, layers=layers,
    )  # fmt: skip


# the debug database --------------------------------------------------------------------------------


def _tables(text: str) -> dict[str, dict[str, dict[str, str]]]:
    """Table -> id -> column -> value, for the tables whose ids are ops."""
    found = {}
    for match in re.finditer(r'<table name="(\w+)">\s*<!\[CDATA\[(.*?)\]\]>', text, re.DOTALL):
        if match[1] in ("perf", "perf_debug", "perf_debug_main"):
            rows = csv.reader(io.StringIO(match[2].strip("\n")))
            names = next(rows)
            found[match[1]] = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
    return found


def _extents(row: dict[str, str], name: str, axes: str = "hwc") -> tuple[int, ...]:
    return tuple(int(row.get(f"{name}_{axis}") or 0) for axis in axes)


def _fused(kinds: Sequence[str]) -> str:
    if any(kind in ("LUT", "Sigmoid", "Tanh") for kind in kinds):
        return "table"
    return "relu" if any(kind.startswith("Relu") for kind in kinds) else ""


def read_layers(text: str, rows: Sequence[dict[str, str]], preset: str, model: str) -> Iterator[Layer]:
    """The ops in a debug database, equal ones as one with their number.

    Args:
        rows: the per-layer table, for the operators of the file; as many as the database has ops.
    """
    tables = _tables(text)
    found: Counter[Layer] = Counter()
    pending: tuple[Layer, list[str]] | None = None
    for number, (key, timing) in enumerate(tables["perf"].items()):
        if key not in tables["perf_debug_main"]:
            # what an op ends with follows it without cycles of its own
            if pending is not None:
                pending[1].append(timing["operator"])
            continue
        if pending is not None:
            found[replace(pending[0], fused=_fused(pending[1]))] += 1
        source = rows[number]["Original Operator"] if number < len(rows) else ""
        pending = _layer(timing, tables["perf_debug"][key], tables["perf_debug_main"][key], source, preset, model), []
    if pending is not None:
        found[replace(pending[0], fused=_fused(pending[1]))] += 1
    for layer, count in found.items():
        yield replace(layer, count=count)


def _layer(timing: dict[str, str], shapes: dict[str, str], blocks: dict[str, str], source: str, preset: str, model: str) -> Layer:
    def view(name: str) -> dict[str, Any]:
        extents = _extents(shapes, f"{name}_slice")
        return {
            name: extents if any(extents) else _extents(shapes, f"{name}_shape"),
            f"{name}_bits": _BITS.get(shapes.get(f"{name}_dtype", ""), 0),
            f"{name}_on_chip": int(shapes.get(f"{name}_memory") == "Sram"),
            f"{name}_bricks": int(shapes.get(f"{name}_format") == "NHCWB16"),
        }

    slices = tuple(int(channel) for channel in shapes["ofm_depth_slices"].split("|") if channel)
    scale_bytes = (
        int(shapes["weight_max_range_bytes"]) - int(shapes["weight_total_bytes"])
        if shapes["weight_total_bytes"] and len(slices) == 2
        else 0
    )
    return Layer(
        preset=preset, model=model, count=0, source=source, op=timing["operator"], fused="", **view("ifm"), **view("ifm2"), **view("ofm"),
        kernel=_extents(shapes, "kernel_size", "yx"), stride=_extents(shapes, "kernel_stride", "yx"),
        dilation=_extents(shapes, "kernel_dilation", "yx"), block=_extents(blocks, "ofm_block"),
        part_kernel=int(blocks["traversal"] == "PartKernel"), stripe_rows=int(shapes["ofm_stripe_h"] or 0),
        weight_bytes=int(shapes["weight_total_bytes"] or 0), scale_bytes=max(scale_bytes, 0),
        slices=slices, buffered=int(bool(shapes["weight_buffering"])), cycles=int(timing["op_cycles"]),
    )  # fmt: skip


# tables of outcomes --------------------------------------------------------------------------------

OUTCOME_COLUMNS = (
    "preset", "model", "memory", "optimise", "cascade", "arena_bytes", "cycles", "macs", "peak_sram_bytes", "off_chip_read_bytes",
    "off_chip_write_bytes", "npu_ops", "cpu_ops", "seconds", "memory_bytes",
)  # fmt: skip


def write_outcomes(found: Sequence[tuple[str, str, Outcome]]) -> str:
    """A table of (preset, model, outcome) that `read_outcomes` reads; layers are left out."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(OUTCOME_COLUMNS)
    for preset, model, one in found:
        mode = one.mode
        writer.writerow((
            preset, model, mode.memory, mode.optimise, int(mode.cascade), "" if mode.arena_bytes is None else mode.arena_bytes, one.cycles, one.macs,
            one.peak_sram_bytes, one.off_chip_read_bytes, one.off_chip_write_bytes, one.npu_ops, "+".join(one.cpu_ops), f"{one.seconds:.2f}",
            one.memory_bytes,
        ))  # fmt: skip
    return text.getvalue()


def read_outcomes(text: str) -> dict[tuple[str, str], list[Outcome]]:
    """(preset, model) -> outcomes, the default mode first; lines that start with # say where they come from."""
    found: dict[tuple[str, str], list[Outcome]] = {}
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        mode = Mode(row["memory"], row["optimise"], row["cascade"] == "1", int(row["arena_bytes"]) if row["arena_bytes"] else None)
        cpu_ops = tuple(name for name in row["cpu_ops"].split("+") if name)
        figures = {
            name: int(row[name]) for name in ("cycles", "macs", "peak_sram_bytes", "off_chip_read_bytes", "off_chip_write_bytes", "npu_ops")
        }
        outcome = Outcome(
            mode=mode, cpu_ops=cpu_ops, seconds=float(row["seconds"]), memory_bytes=int(row["memory_bytes"]), layers=(), **figures
        )
        found.setdefault((row["preset"], row["model"]), []).append(outcome)
    return found


# tables of layers ----------------------------------------------------------------------------------


def write_csv(layers: Sequence[Layer]) -> str:
    """A table that `read_csv` reads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(item.name for item in fields(Layer))
    for layer in layers:
        writer.writerow("x".join(map(str, value)) if isinstance(value, tuple) else value for value in astuple(layer))
    return text.getvalue()


def read_csv(text: str) -> tuple[Layer, ...]:
    """Layers from a table; lines that start with # say where they come from."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    words = {"preset", "model", "source", "op", "fused"}
    several = {"ifm", "ifm2", "ofm", "kernel", "stride", "dilation", "block", "slices"}

    def value(name: str, text: str) -> Any:
        if name in words:
            return text
        return tuple(int(part) for part in text.split("x") if part) if name in several else int(text)

    return tuple(Layer(**{name: value(name, cell) for name, cell in row.items()}) for row in csv.DictReader(lines))
