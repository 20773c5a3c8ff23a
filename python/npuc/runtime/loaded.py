# SPDX-License-Identifier: Apache-2.0
"""A program that is ready to run."""

import functools
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from npuc.errors import InputMismatch, NpucError, ProgramError, SimulationError
from npuc.isa.base import Command, Space
from npuc.isa.program import HostCall, HostSegment, NpuSegment, Program, Tensor
from npuc.ops._plain import spec_from_plain
from npuc.ops.base import NUMPY_DTYPES, OpSpec, TensorType
from npuc.runtime.workers import Workers
from npuc.sim import engines, hazards, machine
from npuc.sim.order import legal_order
from npuc.timing import Timeline, simulate


def load(source: str | os.PathLike[str] | bytes | bytearray | memoryview | Program, engine: str = "auto") -> "LoadedProgram":
    """Read a program file, from a path or from its bytes.

    Args:
        engine: "numpy", "native", or "auto" for the fastest there is.

    Raises:
        ProgramError: not a sound program file.
        OSError: no file there, or it cannot be read.
    """
    if isinstance(source, Program):
        return LoadedProgram(source, engine)
    data = bytes(source) if isinstance(source, bytes | bytearray | memoryview) else Path(source).read_bytes()
    return LoadedProgram(Program.from_bytes(data), engine)


class LoadedProgram:
    """A program, its host ops and its order of execution, checked once and run as often as wanted.

    Attributes:
        program: what was loaded.
        watch: called after each command with segment, number, command and the memories; for debugging.
        host_seconds: what the host ops took in the last run, None before it.
    """

    def __init__(self, program: Program, engine: str = "auto"):
        self.program = program
        self.watch: Callable[[int, int, Command, machine.Memories], None] | None = None
        self.host_seconds: float | None = None
        self._engine = engine
        self._kernels = engines.get(engine)
        # memories of earlier runs, ready for the next
        self._idle: list[machine.Memories] = []
        # host ops are built here, so that a damaged one is refused before anything runs
        self._specs = [
            [self._spec(call) for call in segment.calls] if isinstance(segment, HostSegment) else [] for segment in program.segments
        ]

    def run(self, *arrays: np.ndarray, workers: int = 1) -> np.ndarray | tuple[np.ndarray, ...]:
        """Run on exactly the inputs the model takes; a batch N times as large is run in N steps.

        Args:
            workers: processes among which the steps are divided. Each takes a moment to start: worth it for many steps.

        Returns:
            The output, or a tuple where the model has several.

        Raises:
            InputMismatch: another number of inputs, another dtype or shape.
        """
        steps = self._steps(arrays)
        self.host_seconds = 0.0
        if min(workers, steps) > 1:
            parts = [part for _, part in sorted(self.run_parts(arrays, workers))]
            outputs = tuple(map(np.concatenate, zip(*parts, strict=True)))
            return outputs[0] if len(outputs) == 1 else outputs
        results = [self._once([part[step] for part in self._split(arrays, steps)]) for step in range(steps)]
        outputs = tuple(np.concatenate(parts) if steps > 1 else parts[0] for parts in zip(*results, strict=True))
        return outputs[0] if len(outputs) == 1 else outputs

    __call__ = run

    def run_parts(self, arrays: Sequence[np.ndarray], workers: int = 1) -> Iterator[tuple[int, tuple[np.ndarray, ...]]]:
        """Run a batch in parts: gives (number of a part, its outputs) as they are done, in any order.

        Raises:
            InputMismatch: as `run`.
        """
        steps = self._steps(arrays)
        # parts small enough to end together and to tell progress, large enough to be worth sending
        count = min(steps, max(workers * 8, steps // 64))
        edges = [steps * number // count for number in range(count + 1)]
        columns = [
            [batch[low * (len(batch) // steps) : high * (len(batch) // steps)] for low, high in itertools.pairwise(edges)] if steps > 1 else [batch]
            for batch in map(np.asarray, arrays)
        ]
        # a program without inputs has one part
        parts = list(zip(*columns, strict=True)) or [()]
        if min(workers, steps) <= 1:
            for number, part in enumerate(parts):
                outputs = self.run(*part)
                yield number, outputs if isinstance(outputs, tuple) else (outputs,)
            return
        with Workers(self.program.to_bytes(), self._engine, min(workers, len(parts))) as pool:
            yield from pool.map(parts)

    @functools.cached_property
    def timelines(self) -> tuple[Timeline, ...]:
        """When each command runs, one timeline an NPU segment; found once, for timing does not depend on data."""
        return tuple(simulate(segment.commands, self.program.target) for segment in self.npu_segments)

    @property
    def cycles(self) -> int:
        """Cycles of all NPU segments, for one compiled batch."""
        return sum(timeline.total_cycles for timeline in self.timelines)

    @property
    def npu_segments(self) -> tuple[NpuSegment, ...]:
        """The segments with commands, in order."""
        return tuple(segment for segment in self.program.segments if isinstance(segment, NpuSegment))

    def check_hazards(self) -> None:
        """Raise HazardError where two accesses have no order, or bytes are read that nothing wrote."""
        hazards.check_program(self.program)

    # inputs ----------------------------------------------------------------------------------------

    def _steps(self, arrays: Sequence[np.ndarray]) -> int:
        """How many compiled batches the inputs hold."""
        ports = self.program.inputs
        if len(arrays) != len(ports):
            raise InputMismatch(
                "the number of inputs differs", found=len(arrays), wanted=f"{len(ports)}: {', '.join(port.name for port in ports)}"
            )
        steps = None
        for port, array in zip(ports, arrays, strict=True):
            mine = _steps_of(port.name, self.program.tensor(port.tensor_id), array)
            if steps is not None and mine != steps:
                raise InputMismatch(f"input '{port.name}' holds another number of batches than the first input", found=mine, wanted=steps)
            steps = mine
        if steps is not None and steps > 1 and any(not self.program.tensor(port.tensor_id).shape for port in self.program.outputs):
            raise InputMismatch("a program with a scalar output runs one batch at a time", found=f"{steps} batches", wanted=1)
        return 1 if steps is None else steps

    def _split(self, arrays: Sequence[np.ndarray], steps: int) -> list[list[np.ndarray]]:
        return [np.split(np.asarray(array), steps) if steps > 1 else [np.asarray(array)] for array in arrays]

    # one batch -------------------------------------------------------------------------------------

    def _once(self, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """One compiled batch on memories as a program starts with."""
        memory = self._memories()
        host: dict[int, np.ndarray] = {}
        for port, array in zip(self.program.inputs, arrays, strict=True):
            self._store(port.tensor_id, array, memory, host)
        for number, segment in enumerate(self.program.segments):
            if isinstance(segment, NpuSegment):
                self._npu(number, segment, memory, host)
                continue
            start = time.perf_counter()
            for call, spec in zip(segment.calls, self._specs[number], strict=True):
                inputs = [self._fetch(entry, memory, host) for entry in call.inputs]
                self._store(call.output, _reference(call, spec, inputs), memory, host)
            self.host_seconds = (self.host_seconds or 0.0) + time.perf_counter() - start
        # copies: the memories are ours
        outputs = tuple(np.array(self._fetch(port.tensor_id, memory, host)) for port in self.program.outputs)
        if self._reusable and self.watch is None:
            self._idle.append(memory)
        return outputs

    def _npu(self, number: int, segment: NpuSegment, memory: machine.Memories, host: dict[int, np.ndarray]) -> None:
        """One segment, with the tensors that pass through SRAM."""
        for edge in segment.inputs:
            raw = np.frombuffer(np.ascontiguousarray(self._fetch(edge.tensor_id, memory, host)).tobytes(), np.uint8)
            memory[Space.SRAM][edge.sram_offset : edge.sram_offset + len(raw)] = raw
        if self.watch is None:
            self._executors[number](memory)
        else:
            machine.run(segment.commands, memory, self._kernels, self._orders[number], functools.partial(self._watched, number, memory))
        for edge in segment.outputs:
            host[edge.tensor_id] = self._read(edge.tensor_id, memory[Space.SRAM], edge.sram_offset)

    def _memories(self) -> machine.Memories:
        """Memories that nobody else uses."""
        try:
            memory = self._idle.pop()
        except IndexError:
            return machine.memories_of(self.program)
        machine.renew(memory, len(self.program.constants))
        return memory

    @functools.cached_property
    def _constant_bytes(self) -> int:
        """How much of DRAM is the same at the start of every NPU segment: the constants, unless a tensor lies over them."""
        size = len(self.program.constants)
        return 0 if any(0 <= tensor.dram_offset < size for tensor in self.program.tensors) else size

    @functools.cached_property
    def _executors(self) -> list[Callable[[machine.Memories], None]]:
        return [run for run, _ in self._segments]

    @functools.cached_property
    def _reusable(self) -> bool:
        """Whether a run leaves the constants as they are."""
        return self._constant_bytes == len(self.program.constants) and all(kept for _, kept in self._segments)

    @functools.cached_property
    def _segments(self) -> list[tuple[Callable[[machine.Memories], None], bool]]:
        """How each segment is executed, and whether it leaves the constants as they are; nothing for a host segment."""
        program = self.program
        return [
            engines.segment(self._engine, segment.commands, order, program.sram_bytes, program.dram_bytes, self._constant_bytes)
            if isinstance(segment, NpuSegment)
            else (lambda memory: None, True)
            for segment, order in zip(program.segments, self._orders, strict=True)
        ]

    @functools.cached_property
    def _orders(self) -> list[list[int]]:
        return [legal_order(segment.commands) if isinstance(segment, NpuSegment) else [] for segment in self.program.segments]

    def _watched(self, segment: int, memory: machine.Memories, number: int, command: Command) -> None:
        assert self.watch is not None
        self.watch(segment, number, command, memory)

    def _fetch(self, tensor_id: int, memory: machine.Memories, host: dict[int, np.ndarray]) -> np.ndarray:
        tensor = self.program.tensor(tensor_id)
        if tensor.dram_offset >= 0:
            return self._read(tensor_id, memory[Space.DRAM], tensor.dram_offset)
        if tensor_id not in host:
            raise ProgramError(f"tensor '{tensor.name}' is used before anything made it")
        return host[tensor_id]

    def _read(self, tensor_id: int, memory: np.ndarray, offset: int) -> np.ndarray:
        """The dense value of a tensor at `offset` of one memory."""
        tensor = self.program.tensor(tensor_id)
        return np.frombuffer(memory[offset : offset + tensor.bytes].tobytes(), NUMPY_DTYPES[tensor.dtype]).reshape(tensor.shape)

    def _store(self, tensor_id: int, value: np.ndarray, memory: machine.Memories, host: dict[int, np.ndarray]) -> None:
        tensor = self.program.tensor(tensor_id)
        if tensor.dram_offset < 0:
            host[tensor_id] = value
            return
        raw = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
        memory[Space.DRAM][tensor.dram_offset : tensor.dram_offset + tensor.bytes] = raw

    def _spec(self, call: HostCall) -> OpSpec:
        types = [_type(self.program.tensor(entry)) for entry in (*call.inputs, call.output)]
        return spec_from_plain(call.op, call.params, tuple(types[:-1]), types[-1])


def _type(tensor: Tensor) -> TensorType:
    return TensorType(tensor.shape, tensor.dtype)


def _steps_of(name: str, tensor: Tensor, array: Any) -> int:
    """How many compiled batches one input holds."""
    array = np.asarray(array)
    wanted = np.dtype(NUMPY_DTYPES[tensor.dtype])
    if array.dtype != wanted:
        raise InputMismatch(
            f"input '{name}' has another element type",
            found=str(array.dtype),
            wanted=str(wanted),
            advice=f"convert it: x.astype('{wanted}')",
        )
    if array.shape == tensor.shape:
        return 1
    advice = f"batches of N times {tensor.shape[0]} run too" if tensor.shape else ""
    fits = tensor.shape and array.ndim == len(tensor.shape) and array.shape[1:] == tensor.shape[1:]
    if not fits or array.shape[0] == 0 or array.shape[0] % tensor.shape[0]:
        raise InputMismatch(f"input '{name}' has another shape", found=array.shape, wanted=tensor.shape, advice=advice)
    return array.shape[0] // tensor.shape[0]


def _reference(call: HostCall, spec: OpSpec, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """The value of a host op, held against its type."""
    try:
        value = np.asarray(spec.reference(*inputs))
    except NpucError:
        raise
    except (ValueError, TypeError, IndexError, ArithmeticError) as error:
        raise SimulationError(f"host op '{call.op}' cannot be executed: {error}", layer=call.location) from error
    wanted = np.dtype(NUMPY_DTYPES[spec.output.dtype])
    if value.shape != spec.output.shape or value.dtype != wanted:
        raise SimulationError(
            f"host op '{call.op}' gave another type than it should", layer=call.location,
            found=f"{value.shape} {value.dtype}", wanted=f"{spec.output.shape} {wanted}",
        )  # fmt: skip
    return value
