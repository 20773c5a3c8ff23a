# SPDX-License-Identifier: Apache-2.0
"""A schedule spelled out: loads, computes and stores in program order, over buffers with lifetimes.

The order is also the meaning: executed one after the other the steps are right whatever the machine's speed.
Queues and semaphores later let them overlap as far as the bytes allow.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from npuc.errors import UserInputError
from npuc.ops.base import Region
from npuc.plan.graph import Graph, Node, entering, escaping, row_bytes, rows, with_rows
from npuc.plan.schedule import GroupPlan, Schedule
from npuc.plan.stripes import Footprints, profile
from npuc.targets.base import Target

# every buffer starts on a multiple of this, so that records and words are aligned
ALIGN_BYTES = 16

# of parameters that travel together, where no decoder wants its streams to start on a multiple of more: a gap may cost a burst
PLAIN_ALIGN_BYTES = 2


@dataclass(frozen=True)
class Buffer:
    """Bytes in SRAM for a time.

    Attributes:
        size_bytes: extent, aligned.
        ring_rows: rows of the ring, 0 where the whole tensor lies there.
        first, last: positions of the first and last step that touch it.
        label: what it holds, for messages.
    """

    size_bytes: int
    ring_rows: int
    label: str
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class Load:
    """A region of a value from off-chip memory into `buffer`."""

    value: int
    region: Region
    buffer: int

    def renumbered(self, new: Mapping[int, int]) -> "Load":
        return Load(self.value, self.region, new[self.buffer])


@dataclass(frozen=True)
class Part:
    """The packed parameters of one chunk of a node: `size_bytes` from `offset_bytes` on in their buffer."""

    node: int
    chunk: int
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True)
class LoadParams:
    """Parameters into `buffer`, by one transfer."""

    parts: tuple[Part, ...]
    buffer: int

    @property
    def moved_bytes(self) -> int:
        """Bytes that pass the port: every part but the last fills whole alignments."""
        return self.parts[-1].offset_bytes + self.parts[-1].size_bytes

    def renumbered(self, new: Mapping[int, int]) -> "LoadParams":
        return LoadParams(self.parts, new[self.buffer])


@dataclass(frozen=True)
class Compute:
    """One tile of one node.

    Attributes:
        region: the part of the output that is made.
        inputs: buffer of each activation, or -1: off-chip.
        output: buffer of the result, or -1: off-chip.
        params, scratch: buffers, or -1.
        direct: the parameters are read off-chip.
        alone: the output buffer holds this tile and nothing else.
        params_offset: where the parameters start in their buffer, bytes.
    """

    node: int
    region: Region
    inputs: tuple[int, ...]
    output: int
    chunk: int = 0
    params: int = -1
    scratch: int = -1
    alone: bool = False
    direct: bool = False
    params_offset: int = 0

    def renumbered(self, new: Mapping[int, int]) -> "Compute":
        inputs = tuple([new[number] for number in self.inputs])
        output, params, scratch = new[self.output], new[self.params], new[self.scratch]
        return Compute(self.node, self.region, inputs, output, self.chunk, params, scratch, self.alone, self.direct, self.params_offset)


@dataclass(frozen=True)
class Store:
    """A region of a value from `buffer` to off-chip memory.

    Attributes:
        alone: the buffer holds that region and nothing else.
    """

    value: int
    region: Region
    buffer: int
    alone: bool = False

    def renumbered(self, new: Mapping[int, int]) -> "Store":
        return Store(self.value, self.region, new[self.buffer], self.alone)


@dataclass(frozen=True)
class View:
    """A value that is another one's bytes under a new type; nothing moves."""

    node: int
    buffer: int

    def renumbered(self, new: Mapping[int, int]) -> "View":
        return View(self.node, new[self.buffer])


Step = Load | LoadParams | Compute | Store | View


@dataclass(frozen=True)
class Steps:
    """The whole program before addresses.

    Attributes:
        steps: in program order, each with its group's index in `group_of`.
        buffers: by number.
        resident: buffers of the values that the host puts into SRAM and takes from there.
    """

    steps: tuple[Step, ...]
    group_of: tuple[int, ...]
    buffers: tuple[Buffer, ...]
    resident: dict[int, int] = field(default_factory=dict)


def align(size_bytes: int) -> int:
    """Rounded up to the alignment of buffers."""
    return -(-size_bytes // ALIGN_BYTES) * ALIGN_BYTES


def beside(size_bytes: int, target: Target) -> int:
    """From one layer's parameters to the next in a joint transfer."""
    step = ALIGN_BYTES if target.array.decoded_weights else PLAIN_ALIGN_BYTES
    return -(-size_bytes // step) * step


def channel_chunks(node: Node, parts: int, target: Target) -> tuple[tuple[int, int], ...]:
    """(start, size) of each part of the node's output channels, in whole granules of the array."""
    channels = node.spec.output.shape[-1] if node.spec.output.shape else 1
    granule = target.array.granule[2]
    size = -(-channels // parts)
    size = min(channels, -(-size // granule) * granule)
    return tuple((start, min(size, channels - start)) for start in range(0, channels, size))


def chunk_region(region: Region, chunk: tuple[int, int]) -> Region:
    """`region` cut to channels of `chunk`."""
    return (*region[:-1], chunk)


@dataclass
class _Item:
    step: Step
    group: int
    touched: tuple[int, ...] = ()


@dataclass
class _Expansion:
    """A group, or the whole program, as far as it is spelled out."""

    graph: Graph
    target: Target
    footprints: Footprints
    buffers: list[Buffer] = field(default_factory=list)
    items: list[_Item] = field(default_factory=list)
    # value -> buffer where it lies whole after its group
    kept: dict[int, int] = field(default_factory=dict)

    def buffer(self, size_bytes: int, label: str, ring_rows: int = 0) -> int:
        self.buffers.append(Buffer(align(max(size_bytes, 1)), ring_rows, label))
        return len(self.buffers) - 1

    def add(self, step: Step, group: int, *touched: int) -> None:
        self.items.append(_Item(step, group, tuple(b for b in touched if b >= 0)))


def expand(graph: Graph, schedule: Schedule, target: Target, footprints: Footprints | None = None) -> Steps:
    """Spell `schedule` out.

    Raises:
        UserInputError: `schedule.fetch` does not fit the parameter loads that the groups make.
    """
    return Speller(graph, target, footprints).spell(schedule).fetched(schedule.fetch, schedule.join_bytes)


class Speller:
    """Spells the schedules of one network out. Those of a search differ in few groups, so what a group becomes is remembered."""

    def __init__(self, graph: Graph, target: Target, footprints: Footprints | None = None):
        self.graph, self.target, self.footprints = graph, target, footprints or Footprints(graph)
        # a group, and which of the values that enter it lie in SRAM -> it alone: these values' buffers are its first ones
        self._known: dict[tuple[GroupPlan, tuple[int, ...]], _Expansion] = {}

    def spell(self, schedule: Schedule) -> "Spelled":
        """All groups, one after the other."""
        graph = self.graph
        whole = _Expansion(graph, self.target, self.footprints)
        for value in graph.inputs:
            if value in graph.resident:
                whole.kept[value] = whole.buffer(graph.types[value].bytes, f"input {value}")
        for number, group in enumerate(schedule.groups):
            entered = tuple(value for value in entering(graph, group.nodes) if value in whole.kept)
            part = self._part(group, entered)
            place = [whole.kept[value] for value in entered]
            place += range(len(whole.buffers), len(whole.buffers) + len(part.buffers) - len(entered))
            whole.buffers += part.buffers[len(entered) :]
            new = dict(enumerate(place)) | {-1: -1}
            whole.items += [_Item(item.step.renumbered(new), number, tuple([place[b] for b in item.touched])) for item in part.items]
            whole.kept |= {value: place[buffer] for value, buffer in part.kept.items()}
        return Spelled(whole)

    def _part(self, group: GroupPlan, entered: tuple[int, ...]) -> _Expansion:
        key = (group, entered)
        if key not in self._known:
            part = self._known[key] = _Expansion(self.graph, self.target, self.footprints)
            for value in entered:
                part.kept[value] = part.buffer(1, f"value {value}")
            (_expand_by_channels if group.outer == "channels" else _expand_by_rows)(part, 0, group)
        return self._known[key]


class Spelled:
    """The groups of a schedule spelled out, with every parameter load at its point of use; the loads may be moved ahead in many ways."""

    def __init__(self, state: _Expansion):
        self._state = state

    def fetched(self, fetch: Sequence[int] = (), join_bytes: int = 0) -> Steps:
        """The program with each parameter load in front of the compute step that `fetch` names; without it at its use.

        Args:
            join_bytes: loads that stand together there become one transfer of at most so many bytes.

        Raises:
            UserInputError: `fetch` does not fit the loads.
        """
        state = self._state
        items, buffers = _joined(state, _fetched_ahead(state.items, fetch), join_bytes)
        return _renumbered(state, items, buffers)


def _renumbered(state: _Expansion, items: list[_Item], known: list[Buffer]) -> Steps:
    """Buffers in the order of their first touch: the order in which the lowering meets them in the IR."""
    spans = [(1 << 60, -1)] * len(known)
    order: dict[int, None] = dict.fromkeys(state.kept[value] for value in state.graph.inputs if value in state.graph.resident)
    for position, item in enumerate(items):
        for number in item.touched:
            order[number] = None
            first, last = spans[number]
            spans[number] = (min(first, position), max(last, position))
    for value in state.graph.resident:
        position = 0 if value in state.graph.inputs else len(items) - 1
        first, last = spans[state.kept[value]]
        spans[state.kept[value]] = (min(first, position), max(last, position))
    new = {old: number for number, old in enumerate(order)}
    new[-1] = -1
    buffers = tuple(Buffer(known[old].size_bytes, known[old].ring_rows, known[old].label, *spans[old]) for old in order)
    resident = {value: new[state.kept[value]] for value in sorted(state.graph.resident)}
    return Steps(tuple([item.step.renumbered(new) for item in items]), tuple([item.group for item in items]), buffers, resident)


def _value_buffers(state: _Expansion, group: GroupPlan, capacity: dict[int, int]) -> dict[int, int]:
    """Buffer of each value that the group touches; a view shares its operand's."""
    graph = state.graph
    found = {value: state.kept[value] for value in entering(graph, group.nodes) if value in state.kept}
    # what was kept has no copy off-chip
    found.update(dict.fromkeys((value for value in group.far if value not in found), -1))
    for value, held in capacity.items():
        node = graph.nodes[graph.producer[value]] if value in graph.producer and graph.producer[value] in group.nodes else None
        if value in found or (node is not None and node.spec.is_view):
            continue
        tensor = graph.types[value]
        ring = held if held < rows(tensor) else 0
        size = held * row_bytes(tensor) if ring else tensor.bytes
        found[value] = state.buffer(size, node.name if node else f"input {value}", ring)
    for index in group.nodes:
        node = graph.nodes[index]
        if node.spec.is_view:
            found[node.output] = found[node.activations[0]]
    return found


def _expand_by_rows(state: _Expansion, number: int, group: GroupPlan) -> None:
    graph, target = state.graph, state.target
    # what lies in SRAM, or is left where it is
    resident = frozenset(value for value in entering(graph, group.nodes) if value in state.kept or value in group.far)
    outside = escaping(graph, group.nodes)
    # results for the host lie whole where it finds them
    keep = tuple(value for value in outside if value in group.keep or value in graph.resident)
    shape = profile(state.footprints, group.nodes, group.stripe_rows, keep, resident, group.ahead)
    place = _value_buffers(state, group, shape.capacity)
    inputs = entering(graph, group.nodes)
    chunks = {index: channel_chunks(graph.nodes[index], parts, target) for index, parts in zip(group.nodes, group.chunks, strict=True)}
    streamed = dict(zip(group.nodes, group.stream, strict=True))
    held: dict[tuple[int, int], int] = {}

    def load(step: int) -> None:
        for value in inputs:
            if (appears := shape.rows_made(value, step)) is not None:
                state.add(Load(value, with_rows(graph.types[value], *appears), place[value]), number, place[value])

    load(0)
    for step in range(shape.count):
        ahead = group.ahead and step + 1 < shape.count
        if step and not group.ahead:
            load(step)
        for index in group.nodes:
            node = graph.nodes[index]
            appears = shape.rows_made(node.output, step)
            if appears is None:
                continue
            if node.spec.is_view:
                state.add(View(index, place[node.output]), number, place[node.output])
                continue
            whole = with_rows(node.spec.output, *appears)
            scratch_bytes = state.footprints.scratch_bytes(node, appears[1] - appears[0], target)
            for part, chunk in enumerate(chunks[index]):
                region = chunk_region(whole, chunk) if len(chunks[index]) > 1 else whole
                params = held.get((index, part), -1)
                direct = group.reads_directly(index)
                if node.spec.param_bytes() and params < 0 and not direct:
                    size = state.footprints.moved_bytes(node, chunk)
                    params = state.buffer(size, f"parameters of {node.name}")
                    state.add(LoadParams((Part(index, part, 0, size),), params), number, params)
                    if not streamed[index]:
                        held[index, part] = params
                scratch = state.buffer(scratch_bytes, f"scratch of {node.name}") if scratch_bytes else -1
                sources = tuple(place[value] for value in node.activations)
                state.add(
                    Compute(index, region, sources, place[node.output], part, params, scratch, direct=direct),
                    number,
                    *sources,
                    place[node.output],
                    params,
                    scratch,
                )
                if ahead:
                    # behind the stripe's first command, so that what this stripe waits for is fetched first
                    load(step + 1)
                    ahead = False
        if ahead:
            load(step + 1)
        for value in outside:
            appears = shape.rows_made(value, step)
            if appears is not None and value not in keep and value not in group.far:
                state.add(Store(value, with_rows(graph.types[value], *appears), place[value]), number, place[value])
    for value in keep:
        state.kept[value] = place[value]
        if value in graph.outputs and value not in graph.resident:
            state.add(Store(value, graph.types[value].whole, place[value]), number, place[value])


def _expand_by_channels(state: _Expansion, number: int, group: GroupPlan) -> None:
    """One op: for each chunk of output channels all stripes, tiles stored as they are made."""
    graph, target = state.graph, state.target
    node = graph.nodes[group.nodes[0]]
    parts = channel_chunks(node, group.chunks[0], target)
    resident = frozenset(value for value in entering(graph, group.nodes) if value in state.kept)
    shape = profile(state.footprints, group.nodes, group.stripe_rows, (), resident, group.ahead)
    # an input that lies in SRAM whole is loaded once
    whole = shape.count == 1
    place: dict[int, int] = {}
    for part, chunk in enumerate(parts):
        again = part == 0 or not whole
        if again:
            place = _value_buffers(state, group, {value: held for value, held in shape.capacity.items() if value != node.output})
        size = state.footprints.moved_bytes(node, chunk)
        params = state.buffer(size, f"parameters of {node.name}") if size else -1
        sources = tuple(place[value] for value in node.activations)

        def load(step: int, place: dict[int, int] = place) -> None:
            for value in entering(graph, group.nodes):
                if (appears := shape.rows_made(value, step)) is not None:
                    state.add(Load(value, with_rows(graph.types[value], *appears), place[value]), number, place[value])

        if again:
            load(0)
        if size:
            state.add(LoadParams((Part(node.index, part, 0, size),), params), number, params)
        for step, appears in enumerate(shape.made[node.output]):
            if step and not group.ahead:
                load(step)
            assert appears is not None
            region = chunk_region(with_rows(node.spec.output, *appears), chunk)
            tile = node.spec.tile(region).spec
            output = state.buffer(tile.output.bytes, node.name)
            scratch = state.buffer(tile.scratch_bytes(target), f"scratch of {node.name}") if tile.scratch_bytes(target) else -1
            compute = Compute(node.index, region, sources, output, part, params, scratch, alone=True)
            state.add(compute, number, *sources, output, params, scratch)
            if group.ahead and step + 1 < shape.count:
                load(step + 1)
            state.add(Store(node.output, region, output, alone=True), number, output)


def _fetched_ahead(items: list[_Item], fetch: Sequence[int]) -> list[_Item]:
    """Parameter loads moved in front of the compute steps that `fetch` names; without it they stand at their use.

    Never in front of feature maps that are needed sooner: a load stands directly before a compute step.
    """
    if not fetch:
        return items
    slots: dict[int, list[_Item]] = {}
    number = loads = 0
    for item in items:
        if isinstance(item.step, LoadParams):
            if loads < len(fetch) and fetch[loads] > number:
                found, wanted = f"load {loads} stands at compute step {fetch[loads]}", f"at most {number}, where it is used"
                raise UserInputError("the schedule fetches parameters too late", found=found, wanted=wanted)
            slots.setdefault(fetch[loads] if loads < len(fetch) else number, []).append(item)
            loads += 1
        number += isinstance(item.step, Compute)
    if loads != len(fetch):
        raise UserInputError(
            "the schedule is not for this network", found=f"{len(fetch)} entries of fetch", wanted=f"{loads}, one a parameter load"
        )
    merged: list[_Item] = []
    number = 0
    for item in items:
        if isinstance(item.step, LoadParams):
            continue
        if isinstance(item.step, Compute):
            merged.extend(slots.get(number, ()))
            number += 1
        merged.append(item)
    return merged


def _joined(state: _Expansion, items: list[_Item], join_bytes: int) -> tuple[list[_Item], list[Buffer]]:
    """Parameter loads that stand together as one transfer of at most `join_bytes`, into one buffer; and all buffers."""
    if not join_bytes:
        return items, state.buffers
    buffers = list(state.buffers)
    # buffer of one load -> the one it shares with others, and where it starts there
    moved: dict[int, tuple[int, int]] = {}
    found: list[_Item] = []
    position = 0
    while position < len(items):
        run = _run(state, items, position, join_bytes) if isinstance(items[position].step, LoadParams) else []
        if len(run) < 2:
            found.append(items[position])
            position += 1
            continue
        parts, top = [], 0
        for item in run:
            (part,) = item.step.parts  # type: ignore[union-attr]
            moved[item.touched[0]] = (len(buffers), top)
            parts.append(Part(part.node, part.chunk, top, part.size_bytes))
            top += beside(part.size_bytes, state.target)
        buffers.append(Buffer(align(top), 0, buffers[run[0].touched[0]].label))
        found.append(_Item(LoadParams(tuple(parts), len(buffers) - 1), run[0].group, (len(buffers) - 1,)))
        position += len(run)
    return [_following(item, moved) for item in found], buffers


def _run(state: _Expansion, items: list[_Item], first: int, join_bytes: int) -> list[_Item]:
    """The loads from `first` on that make one transfer: what reads them takes them from operands of its own."""
    run: list[_Item] = []
    size = 0
    for item in itertools.islice(items, first, None):
        step = item.step
        if not isinstance(step, LoadParams) or not state.graph.nodes[step.parts[0].node].spec.param_operands:
            break
        size += align(step.moved_bytes)
        if size > join_bytes:
            break
        run.append(item)
    return run


def _following(item: _Item, moved: Mapping[int, tuple[int, int]]) -> _Item:
    """A compute step reads its parameters where the joint transfer puts them."""
    step = item.step
    if not isinstance(step, Compute) or step.params not in moved:
        return item
    buffer, offset = moved[step.params]
    touched = tuple(buffer if number == step.params else number for number in item.touched)
    return _Item(replace(step, params=buffer, params_offset=offset), item.group, touched)
