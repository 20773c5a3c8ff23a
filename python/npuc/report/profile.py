# SPDX-License-Identifier: Apache-2.0
"""What a program costs on its machine: cycles, utilisation and traffic, layer by layer.

Everything here follows from the program and the timeline of its commands; no value of any tensor is looked at.

    busy        cycles from start to end of a layer's MAC and vector commands, waiting for ports included
    bound       cycles that the array alone needs for the layer: edge waste and the depthwise rate included, memory aside
    utilisation multiply-accumulates / (cycles * multiply-accumulates the array can do in one cycle)
    off-chip    bytes that pass the off-chip port, bursts rounded up
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from npuc.errors import UserInputError
from npuc.isa.base import Command, Unit
from npuc.isa.program import HostCall, HostSegment, Layer, NpuSegment, Program
from npuc.isa.sync import Signal, Wait
from npuc.report.ledger import NO_LAYER, Ledger, ledger
from npuc.report.table import plain, render_profile
from npuc.targets.base import Target
from npuc.timing.engine import Timeline, off_chip_bytes, simulate


@dataclass(frozen=True)
class LayerProfile:
    """One layer of the model on the NPU.

    Attributes:
        name: the model's own name of the layer.
        op: what it computes; several ops of one name are joined by "+".
        macs: multiply-accumulates.
        commands: instructions, transfers included, semaphores left out.
        busy_cycles: cycles its MAC and vector commands occupy their queues.
        start_cycle, end_cycle: of its first and last command, transfers included.
        share: busy cycles as a part of all cycles of the program.
        array_bound_cycles: what the array alone needs, at least.
        utilisation: of the array while the layer is busy.
        off_chip_read_bytes, off_chip_write_bytes: bytes through the off-chip port on behalf of the layer.
        estimate_cycles: the busy cycles that the planner expected; 0 where the file does not say.
        compulsory_bytes: its parameters, and the inputs and outputs of the network that it reads and makes; 0 where the file does not say.
    """

    name: str
    op: str
    macs: int
    commands: int
    busy_cycles: int
    start_cycle: int
    end_cycle: int
    share: float
    array_bound_cycles: int
    utilisation: float
    off_chip_read_bytes: int
    off_chip_write_bytes: int
    estimate_cycles: int = 0
    compulsory_bytes: int = 0


# at the edges of a program these turn the caller's values into the NPU's and back
_CONVERSIONS = ("quantize", "dequantize", "transpose", "reshape")


@dataclass(frozen=True)
class HostOp:
    """An op that the host runs, why the NPU does not, and what that costs.

    Attributes:
        bytes_in, bytes_out: what it reads, constants included, and writes.
        transfers, transfer_bytes: tensors that cross between the NPU's off-chip memory and the host on its behalf.
        edge: it runs before the first NPU segment or after the last one.
    """

    op: str
    layer: str
    reason: str
    bytes_in: int
    bytes_out: int
    transfers: int = 0
    transfer_bytes: int = 0
    edge: bool = True

    @property
    def is_fallback(self) -> bool:
        """Whether it is more than the conversion of the program's inputs and outputs."""
        return not self.edge or self.op not in _CONVERSIONS


@dataclass(frozen=True)
class Profile:
    """The figures of one inference. Prints as a table.

    Attributes:
        network: name of the program.
        target: name of the machine; `clock_hz` and `macs_per_cycle` are its own.
        cycles: of all NPU segments, one after another; host ops cost none here.
        macs, npu_macs: multiply-accumulates of the network, and those of them that the NPU does.
        mac_utilisation: npu_macs / (cycles * macs_per_cycle).
        network_bound_cycles: max(sum of the layers' array bounds, compulsory off-chip bytes / bandwidth); no schedule is faster.
        array_bound_cycles, compulsory_bytes: the two that it follows from.
        estimate_cycles: what the planner expected.
        peak_sram_bytes, sram_bytes: SRAM used at most, and there.
        dropped_channels, dropped_macs: of the model's own, what cannot matter and is not computed; in no other figure.
        bound_sram_bytes: no placement of the schedule's buffers needs less, as the planner proved; 0: unknown.
        off_chip_read_bytes, off_chip_write_bytes: bytes through the off-chip port.
        commands: instructions with their semaphores; `semaphore_commands` of them only wait or signal.
        semaphores: different semaphores used.
        queue_cycles: queue -> cycles it is busy.
        npu_segments: how many there are; host ops run between them.
        host_transfers, host_transfer_bytes: tensors that cross between the NPU's off-chip memory and host ops.
        host_seconds: what the host ops took in the last run on this computer; None where nothing ran yet. In no other figure.
        ledger: where the cycles went, by cause and layer; see `npuc.report.ledger`.
    """

    network: str
    target: str
    clock_hz: int
    macs_per_cycle: int
    cycles: int
    macs: int
    npu_macs: int
    mac_utilisation: float
    network_bound_cycles: int
    estimate_cycles: int
    peak_sram_bytes: int
    sram_bytes: int
    off_chip_read_bytes: int
    off_chip_write_bytes: int
    commands: int
    semaphore_commands: int
    semaphores: int
    queue_cycles: Mapping[str, int] = field(default_factory=dict)
    host_ops: tuple[HostOp, ...] = ()
    npu_segments: int = 1
    host_transfers: int = 0
    host_transfer_bytes: int = 0
    host_seconds: float | None = None
    layers: tuple[LayerProfile, ...] = ()
    ledger: Ledger | None = None
    array_bound_cycles: int = 0
    compulsory_bytes: int = 0
    bound_sram_bytes: int = 0
    dropped_channels: int = 0
    dropped_macs: int = 0

    @property
    def milliseconds(self) -> float:
        """Time of one inference at the machine's clock."""
        return self.cycles / self.clock_hz * 1e3

    @property
    def inferences_per_second(self) -> float:
        """One after another, 0 where nothing runs on the NPU."""
        return self.clock_hz / self.cycles if self.cycles else 0.0

    @property
    def bound_ratio(self) -> float:
        """cycles / network_bound_cycles, 0 where there is no bound."""
        return self.cycles / self.network_bound_cycles if self.network_bound_cycles else 0.0

    def to_dict(self) -> dict:
        """Plain values, JSON-ready."""
        values = asdict(self)
        values["queue_cycles"] = dict(self.queue_cycles)
        values["host_ops"] = [asdict(op) for op in self.host_ops]
        values["layers"] = [asdict(layer) for layer in self.layers]
        values["ledger"] = self.ledger.to_dict() if self.ledger else None
        values["milliseconds"] = self.milliseconds
        values["inferences_per_second"] = self.inferences_per_second
        values["bound_ratio"] = self.bound_ratio
        return values

    def table(self, *, width: int = 110, layers: int | None = 40, color: bool = False) -> str:
        """The profile as text.

        Args:
            width: columns.
            layers: how many layers stand on a line of their own, the busiest of them; None for all.
            color: with ANSI colours.
        """
        return render_profile(self, width=width, layers=layers, color=color)

    def __str__(self) -> str:
        return self.table()


def profile(program: Program, timelines: Sequence[Timeline] | None = None, *, host_seconds: float | None = None) -> Profile:
    """The figures of one inference of `program`.

    Args:
        timelines: when the commands of each NPU segment ran, in order; timed here where they are not given.
        host_seconds: what the host ops took, where somebody measured it.

    Raises:
        UserInputError: another number of timelines than NPU segments.
    """
    target = program.target
    segments = [segment for segment in program.segments if isinstance(segment, NpuSegment)]
    if timelines is None:
        timelines = [simulate(segment.commands, target) for segment in segments]
    if len(timelines) != len(segments):
        raise UserInputError("every NPU segment needs one timeline", found=len(timelines), wanted=len(segments))
    on_npu = [layer for layer in program.layers if layer.device == "npu"]
    runs = list(zip(segments, timelines, strict=True))
    layers = layer_profiles(on_npu, runs, target, *(_by_layer(program, name, len(on_npu)) for name in ("estimate_cycles", "compulsory_bytes")))
    cycles, npu_macs = sum(line.total_cycles for line in timelines), sum(layer.macs for layer in on_npu)
    semaphores = _semaphores(program)
    crossing = _all_crossing(program)
    return Profile(
        network=_text(program, "name"),
        target=target.name,
        clock_hz=target.clock_hz,
        macs_per_cycle=target.array.macs_per_cycle,
        cycles=cycles,
        macs=sum(layer.macs for layer in program.layers),
        npu_macs=npu_macs,
        mac_utilisation=_utilisation(npu_macs, cycles, target),
        network_bound_cycles=network_bound_cycles(program),
        estimate_cycles=_figure(program, "estimate_cycles"),
        peak_sram_bytes=program.sram_bytes,
        sram_bytes=target.sram.bytes,
        off_chip_read_bytes=sum(layer.off_chip_read_bytes for layer in layers),
        off_chip_write_bytes=sum(layer.off_chip_write_bytes for layer in layers),
        commands=program.command_count,
        semaphore_commands=len(semaphores),
        semaphores=len(set(semaphores)),
        queue_cycles={name: sum(line.queue_busy_cycles[name] for line in timelines) for name in target.queue_names},
        host_ops=_host_ops(program),
        npu_segments=len(segments),
        host_transfers=len(crossing),
        host_transfer_bytes=sum(program.tensor(number).bytes for number in crossing),
        host_seconds=host_seconds,
        layers=layers,
        ledger=ledger(program, runs),
        array_bound_cycles=sum(layer.array_cycles for layer in on_npu),
        compulsory_bytes=compulsory_bytes(program),
        bound_sram_bytes=_bound_sram_bytes(program),
        dropped_channels=_figure(program, "dropped_channels"),
        dropped_macs=_figure(program, "dropped_macs"),
    )


def _known_figure(program: Program, name: str) -> int | None:
    """A figure that planning left in the file, None where there is none; the file may come from anywhere."""
    for values in (program.certificates, program.metadata):
        if type(values.get(name)) is int and values[name] >= 0:
            return values[name]
    return None


def _figure(program: Program, name: str) -> int:
    """A figure that planning left in the file, 0 where there is none."""
    return _known_figure(program, name) or 0


def _bound_sram_bytes(program: Program) -> int:
    """The bound of the placement's certificate, 0 where there is none that the program could keep."""
    placement = program.certificates.get("placement")
    bound = placement.get("bound_sram_bytes") if isinstance(placement, dict) else None
    return bound if type(bound) is int and 0 <= bound <= program.sram_bytes else 0


def _by_layer(program: Program, name: str, count: int) -> tuple[int, ...]:
    """A figure of each NPU layer that planning left in the file, zeros where there is none."""
    values = program.metadata.get(f"layer_{name}")
    if not isinstance(values, tuple) or len(values) != count or not all(type(value) is int and value >= 0 for value in values):
        return (0,) * count
    return values


def _text(program: Program, name: str) -> str:
    value = program.metadata.get(name)
    return plain(value) if isinstance(value, str) else ""


def network_bound_cycles(program: Program) -> int:
    """max(sum of the NPU layers' array bounds, compulsory off-chip bytes / bandwidth); no schedule is faster.

    What the planner found stands in the file; without it, the constants and every tensor at the edge of an NPU segment are
    what must pass the off-chip port.
    """
    found = _known_figure(program, "network_bound_cycles")
    if found is not None:
        return found
    array = sum(layer.array_cycles for layer in program.layers if layer.device == "npu")
    return max(array, program.target.dram.cycles(compulsory_bytes(program)))


def compulsory_bytes(program: Program) -> int:
    """Off-chip bytes that no schedule avoids, by the planner; where the file does not say: constants and the tensors that lie off-chip.

    None of a program that the host runs alone.
    """
    found = _known_figure(program, "compulsory_bytes")
    if found is not None:
        return found
    if not any(isinstance(segment, NpuSegment) for segment in program.segments):
        return 0
    return len(program.constants) + sum(tensor.bytes for tensor in program.tensors if tensor.dram_offset >= 0)


def _made_by_npu(program: Program) -> set[int]:
    """Tensors that a segment leaves, off-chip or in SRAM: no inputs, no results of the host and no constants."""
    arrived = {port.tensor_id for port in program.inputs}
    arrived |= {call.output for segment in program.segments if isinstance(segment, HostSegment) for call in segment.calls}
    made = {tensor.id for tensor in program.tensors if tensor.dram_offset >= len(program.constants) and tensor.id not in arrived}
    return made | {edge.tensor_id for segment in program.segments if isinstance(segment, NpuSegment) for edge in segment.outputs}


def _crossing(call: HostCall, program: Program, made: set[int]) -> set[int]:
    """The tensors that move between the NPU's memory and the host for one call."""
    found = made & set(call.inputs)
    taken = {edge.tensor_id for segment in program.segments if isinstance(segment, NpuSegment) for edge in segment.inputs}
    return found | {call.output} if program.tensor(call.output).dram_offset >= 0 or call.output in taken else found


def _all_crossing(program: Program) -> set[int]:
    made = _made_by_npu(program)
    calls = (call for segment in program.segments if isinstance(segment, HostSegment) for call in segment.calls)
    return {number for call in calls for number in _crossing(call, program, made)}


def _host_ops(program: Program) -> tuple[HostOp, ...]:
    made = _made_by_npu(program)
    on_npu = [number for number, segment in enumerate(program.segments) if isinstance(segment, NpuSegment)]
    return tuple(
        _host_op(call, program, made, not any(at < number for at in on_npu) or not any(at > number for at in on_npu))
        for number, segment in enumerate(program.segments)
        if isinstance(segment, HostSegment)
        for call in segment.calls
    )


def _host_op(call: HostCall, program: Program, made: set[int], edge: bool) -> HostOp:
    crossing = _crossing(call, program, made)
    return HostOp(
        op=call.op,
        layer=call.location,
        reason=call.reason,
        bytes_in=sum(program.tensor(number).bytes for number in call.inputs),
        bytes_out=program.tensor(call.output).bytes,
        transfers=len(crossing),
        transfer_bytes=sum(program.tensor(number).bytes for number in crossing),
        edge=edge,
    )


@dataclass
class _Sum:
    """A layer while its commands are added up."""

    op: str = ""
    macs: int = 0
    bound: int = 0
    commands: int = 0
    busy: int = 0
    start: int = -1
    end: int = 0
    read: int = 0
    written: int = 0
    estimate: int = 0
    compulsory: int = 0

    def add(self, command: Command, start: int, end: int, target: Target) -> None:
        """Counts a command that ran from `start` to `end`."""
        instruction = command.instruction
        read, written = off_chip_bytes([command], target)
        self.commands += 1
        self.start = start if self.start < 0 else min(self.start, start)
        self.end = max(self.end, end)
        self.read += read
        self.written += written
        if instruction.unit is not Unit.DMA:
            self.busy += end - start
            self.op = self.op or instruction.mnemonic


def layer_profiles(
    layers: Sequence[Layer], runs: Iterable[tuple[NpuSegment, Timeline]], target: Target, estimates: Sequence[int], compulsory: Sequence[int]
) -> tuple[LayerProfile, ...]:
    """The layers in the model's order; commands of a layer that is not listed come last, under their own name.

    Args:
        estimates, compulsory: of each layer, see `LayerProfile`.
    """
    sums: dict[str, _Sum] = {}
    for layer, estimate, size in zip(layers, estimates, compulsory, strict=True):
        entry = sums.setdefault(layer.name or NO_LAYER, _Sum())
        entry.op = f"{entry.op}+{layer.op}" if entry.op else layer.op
        entry.macs += layer.macs
        entry.bound += layer.array_cycles
        entry.estimate += estimate
        entry.compulsory += size
    base = 0
    for segment, line in runs:
        for command, start, end in zip(segment.commands, line.start_cycles, line.end_cycles, strict=True):
            if command.instruction.unit is not Unit.ANY:
                sums.setdefault(command.location or NO_LAYER, _Sum()).add(command, base + start, base + end, target)
        base += line.total_cycles
    return tuple(_layer_profile(name, entry, base, target) for name, entry in sums.items())


def _layer_profile(name: str, entry: _Sum, cycles: int, target: Target) -> LayerProfile:
    return LayerProfile(
        name=name,
        op=entry.op,
        macs=entry.macs,
        commands=entry.commands,
        busy_cycles=entry.busy,
        start_cycle=max(entry.start, 0),
        end_cycle=entry.end,
        share=entry.busy / cycles if cycles else 0.0,
        array_bound_cycles=entry.bound,
        utilisation=_utilisation(entry.macs, entry.busy, target),
        off_chip_read_bytes=entry.read,
        off_chip_write_bytes=entry.written,
        estimate_cycles=entry.estimate,
        compulsory_bytes=entry.compulsory,
    )


def _utilisation(macs: int, cycles: int, target: Target) -> float:
    return macs / (cycles * target.array.macs_per_cycle) if cycles else 0.0


def _semaphores(program: Program) -> list[int]:
    """The semaphore of each command that waits or signals."""
    commands = (command for segment in program.segments if isinstance(segment, NpuSegment) for command in segment.commands)
    return [command.instruction.semaphore for command in commands if isinstance(command.instruction, Wait | Signal)]
