# SPDX-License-Identifier: Apache-2.0
"""Ways to run consecutive ops as one group, with closed forms for what they cost and hold; the search prunes with them.

An estimate adds up the cycles of the tiles, each alone on the machine, and sets them against the time of the group's transfers.
What lies around a group decides the rest: whether the values that enter and leave it stay in SRAM, or pass through off-chip memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from npuc.isa.base import Instruction, Space
from npuc.plan.commands import spec_commands
from npuc.plan.graph import Graph, Node, entering, escaping, row_axis, row_bytes, rows
from npuc.plan.options import Options
from npuc.plan.price import Pricer
from npuc.plan.schedule import GroupPlan
from npuc.plan.steps import Compute, Speller, align, channel_chunks
from npuc.plan.stripes import Footprints, Tail
from npuc.targets.base import Target, ceil_div

# parameters below this size are not worth a second pass over the input
MIN_CHUNKED_BYTES = 4096
# a chunk of streamed parameters is at most the SRAM divided by this
CHUNK_FRACTION = 16
# stripe heights tried below the tallest that fits
LOWER_HEIGHTS = 2
# parameters that take at most the SRAM divided by this are held: to fetch them again saves no room worth the traffic
HELD_FRACTION = 16


@dataclass(frozen=True)
class Weights:
    """How an estimate weighs what it cannot know.

    Attributes:
        traffic: one part in so many of a group's DMA time counts although it may be hidden.
        command: cycles that a command costs beside its own: waiting for others, and everybody's time to handle it.
        overlap: DMA time beyond the compute time is taken to hide behind other groups; else the longer of the two counts.
    """

    traffic: int
    command: int
    overlap: bool


@dataclass(frozen=True)
class Edge:
    """A group between its neighbours: values that enter, and those that leave, in SRAM or off chip.

    Attributes:
        load_cycles, store_cycles: DMA time of the values that pass through off-chip memory.
        peak_bytes: SRAM that the group holds.
    """

    load_cycles: int
    store_cycles: int
    peak_bytes: int


@dataclass(frozen=True)
class Way:
    """One way to run a group.

    Attributes:
        core_cycles: its tiles, each alone.
        stalled_cycles: the same where an op waits for its parameters when these are fetched at their use.
        fetch_cycles: DMA time of the parameters.
        count: stripes.
        commands: tiles and parameter loads.
        edges: by whether entering and leaving values stay, `2 * entering + leaving`; None where that cannot be.
        again_cycles: DMA time that others lose while the core reads parameters off-chip again, for every block of pixels.
    """

    group: GroupPlan
    core_cycles: int
    stalled_cycles: int
    fetch_cycles: int
    count: int
    commands: int
    edges: tuple[Edge | None, ...]
    again_cycles: int = 0

    def cycles(self, edge: Edge, weights: Weights) -> int:
        """The estimate."""
        load, store, fetch = edge.load_cycles, edge.store_cycles, self.fetch_cycles
        moved = load + fetch + store
        first, last = load // self.count, store // self.count
        if weights.overlap:
            total = self.core_cycles + first + last
            # nobody else is there to lose it where groups do not overlap
            moved += self.again_cycles
        elif self.count == 1:
            total = load + max(self.stalled_cycles, fetch) + store
        elif self.group.ahead:
            total = max(self.stalled_cycles, moved) + first + last
        else:
            total = max(self.stalled_cycles, fetch + store) + load + last
        return total + moved // weights.traffic + self.commands * weights.command


@dataclass
class Shared:
    """What all capacities have in common: footprints, cycles of tiles, stripes of groups."""

    graph: Graph
    target: Target
    options: Options = field(default_factory=Options)
    considered: int = 0
    cycles: dict[tuple[int, int, int, bool, frozenset[int]], int] = field(default_factory=dict)
    direct: dict[tuple[int, int], int] = field(default_factory=dict)
    shapes: dict[tuple[int, int, int, bool], "Shape"] = field(default_factory=dict)
    inner: dict[tuple[int, int, int], "Shape"] = field(default_factory=dict)

    @cached_property
    def footprints(self) -> Footprints:
        return Footprints(self.graph)

    @cached_property
    def pricer(self) -> Pricer:
        return Pricer(self.graph, self.target)

    @cached_property
    def speller(self) -> Speller:
        return Speller(self.graph, self.target, self.footprints)

    @cached_property
    def roots(self) -> dict[int, int]:
        """Value -> the value whose bytes it is: views move nothing."""
        found = {value: value for value in self.graph.types}
        for node in self.graph.nodes:
            if node.spec.is_view:
                found[node.output] = found[node.activations[0]]
        return found

    @cached_property
    def lives(self) -> dict[int, tuple[int, int]]:
        """Root value -> (node that makes it, last node that reads it); made by nobody is -1, read by the host is behind all nodes."""
        graph = self.graph
        found: dict[int, tuple[int, int]] = {}
        for value, root in self.roots.items():
            birth = graph.producer.get(value, -1)
            death = max(graph.consumers[value], default=birth)
            if value in graph.resident and value in graph.outputs:
                death = len(graph.nodes)
            known = found.get(root, (birth, death))
            found[root] = min(known[0], birth), max(known[1], death)
        return found

    def tile_cycles(self, node: Node, height: int, channels: int = 0, direct: bool = False, far: frozenset[int] = frozenset()) -> int:
        """Cycles of a tile of `height` output rows from the middle of the image, alone on the machine.

        Args:
            channels: the first so many output channels; 0 for all.
            direct: the core reads the parameters off-chip.
            far: values that it reads or writes there.
        """
        whole = node.spec.output.shape[-1] if node.spec.output.shape else 1
        channels = 0 if channels == whole else channels
        key = (node.index, height, channels, direct, far)
        if key not in self.cycles:
            self.cycles[key] = sum(command.cycles(self.target) for command in self._tile_commands(node, height, channels, direct, far))
        return self.cycles[key]

    def direct_bytes(self, node: Node, height: int) -> int:
        """Off-chip bytes of such a tile where the core reads the parameters there."""
        key = (node.index, height)
        if key not in self.direct:
            commands = self._tile_commands(node, height, 0, True, frozenset())
            self.direct[key] = sum(command.traffic(self.target).get(Space.DRAM, 0) for command in commands)
        return self.direct[key]

    def _tile_commands(self, node: Node, height: int, channels: int, direct: bool, far: frozenset[int]) -> list[Instruction]:
        extent = rows(node.spec.output)
        whole = node.spec.output.shape[-1] if node.spec.output.shape else 1
        low = (extent - height) // 2
        spec = node.spec if height == extent else self.footprints.tile(node, low, low + height).spec
        if channels:
            spec = spec.tile((*spec.output.whole[:-1], (0, channels))).spec
        size = self.footprints.moved_bytes(node, (0, channels or whole))
        spaces = tuple(Space.DRAM if value in far else Space.SRAM for value in (*node.activations, node.output))
        bricks = [value in self.graph.bricks for value in (*node.activations, node.output)]
        return spec_commands(spec, self.target, size, spaces, Space.DRAM if direct else Space.SRAM, bricks)

    def shape(self, members: tuple[int, ...], stripe_rows: int, ahead: bool) -> "Shape":
        """The stripes of a group of consecutive ops."""
        key = (members[0], members[-1], stripe_rows, ahead)
        if key not in self.shapes:
            inner = self._inner(members, stripe_rows)
            held = dict(inner.held)
            for value in entering(self.graph, members):
                held[value] = self._row_bytes(value, inner.tail.loads(self.graph, value, ahead)[1])
            self.shapes[key] = replace(inner, held=held)
        return self.shapes[key]

    def _inner(self, members: tuple[int, ...], stripe_rows: int) -> "Shape":
        """The stripes without what enters the group: where the same values leave, those of the group without its first op go on."""
        key = (members[0], members[-1], stripe_rows)
        if key not in self.inner:
            leaving, behind = escaping(self.graph, members), members[1:]
            if behind and escaping(self.graph, behind) == leaving:
                shape = self._inner(behind, stripe_rows)
            else:
                shape = Shape(Tail.of(self.graph, leaving, stripe_rows), {}, {}, {})
                for index in reversed(behind):
                    shape = self._behind(shape, self.graph.nodes[index])
            self.inner[key] = self._behind(shape, self.graph.nodes[members[0]])
        return self.inner[key]

    def _behind(self, shape: "Shape", node: Node) -> "Shape":
        """With `node` in front."""
        tail = shape.tail.behind(self.footprints, node)
        heights = tuple(made[1] - made[0] for made in tail.made.get(node.output, ()) if made is not None)
        cycles = tuple(0 if node.spec.is_view else self.tile_cycles(node, height) for height in heights)
        held = self._row_bytes(node.output, tail.capacity.get(node.output, 0))
        return Shape(tail, {**shape.cycles, node.index: cycles}, {**shape.heights, node.index: heights}, {**shape.held, node.output: held})

    def _row_bytes(self, value: int, count: int) -> int:
        return align(count * row_bytes(self.graph.types[value]))


@dataclass(frozen=True)
class Shape:
    """A group in stripes.

    Attributes:
        tail: the rows of its values.
        cycles: node -> cycles of its tile in each stripe.
        heights: node -> rows of these tiles.
        held: value -> bytes of its ring.
    """

    tail: Tail
    cycles: dict[int, tuple[int, ...]]
    heights: dict[int, tuple[int, ...]]
    held: dict[int, int]

    @property
    def count(self) -> int:
        """Stripes."""
        return self.tail.count


class Groups:
    """Groups of one graph on one machine with one capacity.

    Attributes:
        buffered: chunks of parameters, and tiles stored as they are made, that lie in SRAM at a time: 2 overlaps, 1 is what has to.
    """

    def __init__(self, shared: Shared, target: Target, buffered: int = 2):
        self.shared, self.target, self.buffered = shared, target, buffered
        self.graph = shared.graph
        self._ways: dict[tuple[int, int], list[list[Way]]] = {}
        self._more: dict[tuple[int, int], Iterator[list[Way]]] = {}

    # closed forms ------------------------------------------------------------------------------

    def step_cycles(self, step: Compute) -> int:
        """Cycles of a compute step: the tile's, by its share of the output channels."""
        node = self.graph.nodes[step.node]
        axis = row_axis(node.spec.output)
        far = frozenset(value for value, buffer in zip((*node.activations, node.output), (*step.inputs, step.output), strict=True) if buffer < 0)
        height = rows(node.spec.output) if axis is None else step.region[axis][1]
        return self.shared.tile_cycles(node, height, step.region[-1][1] if step.region else 0, step.direct, far)

    def _chunks(self, node: Node, fraction: int) -> int:
        """Parts that the node's parameters are streamed in."""
        size = node.spec.param_bytes()
        budget = max(self.target.sram.bytes // fraction, 1024)
        axis = len(node.spec.output.shape) - 1
        if size <= budget or axis not in node.spec.splits:
            return 1
        channels = node.spec.output.shape[-1]
        most = ceil_div(channels, self.target.array.granule[2])
        return min(ceil_div(size, budget), most)

    def _chunk_bytes(self, node: Node, parts: int) -> int:
        """Bytes of one of `parts` parts of the parameters; without parts they take no SRAM."""
        if parts == 0:
            return 0
        if parts == 1:
            return align(node.spec.param_bytes())
        biggest = max(size for _, size in channel_chunks(node, parts, self.target))
        return align(ceil_div(node.spec.param_bytes() * biggest, node.spec.output.shape[-1]) + 64)

    def through_bytes(self, first: int, end: int) -> int:
        """Bytes of the values that live across nodes first .. end - 1 and that none of these touches."""
        roots = self.shared.roots
        touched = {roots[value] for i in range(first, end) for value in (*self.graph.nodes[i].activations, self.graph.nodes[i].output)}
        graph = self.graph
        return sum(
            align(graph.types[value].bytes)
            for value, (birth, death) in self.shared.lives.items()
            if death >= end and value not in touched and (birth >= 0 or value in graph.resident) and birth < first
        )

    def evaluate(self, members: tuple[int, ...], stripe_rows: int, hold: bool, ahead: bool = True, fraction: int = CHUNK_FRACTION) -> Way:
        """Closed-form cycles and bytes of running `members` as one group.

        Args:
            hold: parameters stay in SRAM for all stripes, else they are fetched again.
            ahead: see `GroupPlan`.
            fraction: chunks of streamed parameters are at most the SRAM divided by this.
        """
        self.shared.considered += 1
        graph, dram = self.graph, self.target.dram
        shape = self.shared.shape(members, stripe_rows, ahead)
        count = shape.count
        nodes = [graph.nodes[index] for index in members]
        single = count == 1
        parts = tuple(self._chunks(node, fraction) if single or not hold else 1 for node in nodes)
        group = GroupPlan(members, stripe_rows, parts, tuple(not single and not hold for _ in nodes), ahead=ahead)
        again = single or not hold
        core = stalled = fetch = commands = 0
        for node, part in zip(nodes, parts, strict=True):
            each = self._in_chunks(node, shape.cycles[node.index], shape.heights[node.index], part)
            commands += len(each) * part
            core += sum(each)
            if not node.spec.param_bytes():
                stalled += sum(each)
                continue
            once = dram.cycles(graph.moved_bytes(node)) + part * dram.read_latency
            times = len(each) if again else 1
            fetch += once * times
            commands += part * times
            # parameters are fetched a little ahead only: an op that is short of them waits
            stalled += sum(max(cycles, once) for cycles in each) if again else sum(each)
        edges = self._single_edges(nodes, parts) if single else self._striped_edges(shape, nodes, parts, hold)
        return Way(group, core, stalled, fetch, count, commands, edges)

    def _in_chunks(self, node: Node, each: Sequence[int], heights: Sequence[int], parts: int) -> Sequence[int]:
        """Cycles of the tiles of each stripe, cut into chunks of output channels."""
        if parts == 1 or node.spec.is_view:
            return each
        chunks = channel_chunks(node, parts, self.target)
        return [sum(self.shared.tile_cycles(node, height, size) for _, size in chunks) for height in heights]

    def evaluate_directly(self, index: int, stripe_rows: int) -> Way:
        """Closed-form cycles and bytes of one op that reads its parameters off-chip, for every stripe."""
        self.shared.considered += 1
        node = self.graph.nodes[index]
        shape = self.shared.shape((index,), stripe_rows, True)
        each = shape.cycles[index]
        # a tile from the middle stands for all
        height = min(stripe_rows, rows(node.spec.output))
        slower = self.shared.tile_cycles(node, height, direct=True) - self.shared.tile_cycles(node, height)
        core = sum(each) + slower * len(each)
        group = GroupPlan((index,), stripe_rows, (1,), (False,), direct=(True,))
        edges = self._single_edges([node], (0,)) if shape.count == 1 else self._striped_edges(shape, [node], (0,), True)
        # the DMA could have brought them beside other work: that counts, so that this is chosen where they do not fit
        fetch = self.target.dram.cycles(self.graph.moved_bytes(node))
        again = max(self.target.dram.cycles(self.shared.direct_bytes(node, height)) - fetch, 0)
        return Way(group, core, core, fetch * len(each), shape.count, len(each), edges, again * len(each))

    def _moved(self, values: Sequence[int], count: int, latency: int) -> int:
        dram = self.target.dram
        return sum(dram.cycles(self.graph.types[value].bytes) + count * latency for value in values)

    def _loaded(self, value: int, kept: bool) -> bool:
        """Whether a group loads a value that enters it."""
        return value not in self.graph.resident and not (kept and value in self.graph.producer)

    def _edges(self, members: tuple[int, ...], count: int, peaks: dict[tuple[bool, bool], int]) -> tuple[Edge | None, ...]:
        graph, dram = self.graph, self.target.dram
        inputs, outputs = entering(graph, members), escaping(graph, members)
        found: list[Edge | None] = []
        for stays in (False, True):
            load = self._moved([value for value in inputs if self._loaded(value, stays)], count, dram.read_latency)
            for remains in (False, True):
                if (stays, remains) not in peaks or (graph.resident and not (stays and remains)):
                    found.append(None)
                    continue
                leaving = [value for value in outputs if value not in graph.resident and (not remains or value in graph.outputs)]
                peak = peaks[stays, remains] + (self.through_bytes(members[0], members[-1] + 1) if stays and remains else 0)
                found.append(Edge(load, self._moved(leaving, count, dram.write_latency), peak))
        return tuple(found)

    def _single_edges(self, nodes: Sequence[Node], parts: Sequence[int]):
        members = tuple(node.index for node in nodes)
        plain, lasting = self._single_peak(nodes, parts, False), self._single_peak(nodes, parts, True)
        return self._edges(members, 1, {(stays, remains): lasting if stays and remains else plain for stays in (False, True) for remains in (False, True)})

    def _single_peak(self, nodes: Sequence[Node], parts: Sequence[int], lasting: bool) -> int:
        """Bytes alive at the worst op when the group is one stripe and every value dies after its last reader.

        Args:
            lasting: what others read after the group stays.
        """
        graph, roots, lives = self.graph, self.shared.roots, self.shared.lives
        members = tuple(node.index for node in nodes)
        outside = {roots[value] for value in escaping(graph, members)}
        if lasting:
            outside |= {roots[value] for value in entering(graph, members) if lives[roots[value]][1] > members[-1]}
        last: dict[int, int] = {}
        for position, node in enumerate(nodes):
            for value in (*node.activations, node.output):
                last[roots[value]] = len(nodes) if roots[value] in outside else position
        alive = {roots[value]: align(graph.types[value].bytes) for value in entering(graph, members)}
        peak = 0
        for position, (node, part) in enumerate(zip(nodes, parts, strict=True)):
            out = roots[node.output]
            alive.setdefault(out, align(graph.types[out].bytes))
            chunk = self._chunk_bytes(node, part)
            work = chunk * (self.buffered if part > 1 else 1) + align(node.spec.scratch_bytes(self.target))
            peak = max(peak, sum(alive.values()) + work)
            for value in [value for value in alive if last.get(value, -1) <= position]:
                del alive[value]
        return peak

    def _scratch_bytes(self, node: Node, shape: Shape) -> int:
        """Of the node's highest tile."""
        return align(self.shared.footprints.scratch_bytes(node, max(shape.heights[node.index]), self.target))

    def _striped_edges(self, shape: Shape, nodes: Sequence[Node], parts: Sequence[int], hold: bool):
        """All rings, all held parameters (or as many of the largest chunk as are buffered) and the largest scratch."""
        graph = self.graph
        members = tuple(node.index for node in nodes)
        views = {node.output for node in nodes if node.spec.is_view}
        inputs, outputs = entering(graph, members), escaping(graph, members)
        chunks = [self._chunk_bytes(node, part) for node, part in zip(nodes, parts, strict=True)]
        inner = sum(chunks) if hold else self.buffered * max(chunks, default=0)
        inner += max((self._scratch_bytes(node, shape) for node in nodes), default=0)
        inner += sum(held for value, held in shape.held.items() if value not in views and value not in inputs and value not in outputs)

        def size(value: int, kept: bool) -> int:
            return align(graph.types[value].bytes) if kept else shape.held[value]

        peaks = {}
        for stays in (False, True):
            before = sum(size(value, not self._loaded(value, stays)) for value in inputs)
            for remains in (False, True):
                peaks[stays, remains] = inner + before + sum(size(value, remains) for value in outputs if value not in views)
        return self._edges(members, shape.count, peaks)

    def evaluate_by_channels(self, index: int, stripe_rows: int, parts: int, ahead: bool) -> Way:
        """Closed-form cycles and bytes of one op with its chunks of output channels outside, its stripes inside."""
        self.shared.considered += 1
        graph, target = self.graph, self.target
        node, dram = graph.nodes[index], self.target.dram
        shape = self.shared.shape((index,), stripe_rows, ahead)
        count = shape.count
        chunks = channel_chunks(node, parts, target)
        group = GroupPlan((index,), stripe_rows, (parts,), (False,), outer="channels", ahead=ahead)
        chunk_bytes, channels = self._chunk_bytes(node, parts), chunks[0][1]
        core = sum(shape.cycles[index])
        passes = 1 if count == 1 else len(chunks)
        fetch = dram.cycles(graph.moved_bytes(node)) + len(chunks) * dram.read_latency
        # what a chunk stores of a pixel is a short run: bursts are wasted on it; in bricks a row's chunk is one run
        kind = node.spec.output
        run = kind.bytes // kind.elements * channels * (kind.nhwc[2] if node.output in graph.bricks else 1)
        store = dram.cycles(kind.bytes // run * dram.in_bursts(run)) + len(chunks) * count * dram.write_latency
        tile = align(node.spec.output.bytes // rows(node.spec.output) * max(shape.heights[index]) * channels // node.spec.output.shape[-1])
        work = self.buffered * (chunk_bytes + tile) + self._scratch_bytes(node, shape)
        edges: list[Edge | None] = []
        for stays in (False, True):
            inputs = [value for value in set(node.activations) if self._loaded(value, stays)]
            load = passes * self._moved(inputs, count, dram.read_latency)
            rings = sum(shape.held[value] for value in inputs) * (2 if count > 1 and ahead else 1)
            lying = sum(align(graph.types[value].bytes) for value in set(node.activations) if value not in inputs)
            edges += [Edge(load, store, rings + lying + work) if not graph.resident else None, None]
        commands = len(chunks) * (1 + (2 + passes) * count)
        stalled = max(core, fetch)
        # one stripe of each chunk is exposed at either end
        return Way(group, core, stalled, fetch, count * passes if count > 1 else 1, commands, (edges[0], None, edges[2], None))

    # candidates --------------------------------------------------------------------------------

    def _stripe_heights(self, members: tuple[int, ...]) -> list[int]:
        tallest = max(rows(self.graph.types[value]) for value in escaping(self.graph, members))
        heights, height = [tallest], tallest
        granule = self.target.array.granule[0]
        while height > 1:
            height = ceil_div(height, 2)
            rounded = min(tallest, ceil_div(height, granule) * granule)
            for candidate in (rounded, height) if height < granule else (rounded,):
                if candidate not in heights:
                    heights.append(candidate)
        return heights

    def ways(self, first: int, end: int, budget_bytes: int) -> list[list[Way]]:
        """Ways to run nodes first .. end - 1 as one group, by stripe height, from the tallest to a few below the first that fits."""
        key = (first, end)
        if key not in self._ways:
            self._ways[key], self._more[key] = [], self._all_ways(first, end)
        found = self._ways[key]
        fitting = sum(_fits(some, budget_bytes) for some in found)
        while fitting <= LOWER_HEIGHTS:
            more = next(self._more[key], None)
            if more is None:
                break
            found.append(more)
            fitting += _fits(more, budget_bytes)
        return found

    def every_way(self, index: int) -> list[Way]:
        """All ways to run a node by itself."""
        return [way for some in self._all_ways(index, index + 1) for way in some]

    def _all_ways(self, first: int, end: int) -> Iterator[list[Way]]:
        """The ways of each stripe height."""
        members = tuple(range(first, end))
        heights = self._stripe_heights(members)
        parameters = sum(self.graph.nodes[i].spec.param_bytes() for i in members)
        ahead = self.shared.options.ahead
        for height in heights:
            striped = height < heights[0]
            if striped and self._least_held(members, ceil_div(heights[0], height)) > self.target.sram.bytes:
                continue
            found = [self.evaluate(members, height, True, ahead)]
            if striped and parameters * HELD_FRACTION > self.target.sram.bytes:
                found.append(self.evaluate(members, height, False, ahead))
            if end - first == 1:
                found += self._alone(first, height, striped, parameters > 0)
            yield found

    def _least_held(self, members: tuple[int, ...], count: int) -> int:
        """Bytes that the rings hold at least when the members run in `count` stripes: what the largest stripe makes."""
        types = (self.graph.types[self.graph.nodes[index].output] for index in members if not self.graph.nodes[index].spec.is_view)
        return sum(ceil_div(rows(kind), count) * row_bytes(kind) for kind in types)

    def _alone(self, index: int, height: int, striped: bool, parameters: bool) -> list[Way]:
        """More ways for an op by itself: no load ahead, smaller chunks, channels outside."""
        members = (index,)
        options = self.shared.options
        found = [self.evaluate(members, height, hold=True, ahead=False)] if striped and options.ahead else []
        if not parameters:
            return found
        if options.direct and self.target.core_reaches_dram and self.graph.nodes[index].spec.param_operands:
            found.append(self.evaluate_directly(index, height))
        for fraction in (CHUNK_FRACTION // 2, 2 * CHUNK_FRACTION):
            found.append(self.evaluate(members, height, False, options.ahead, fraction))
        if striped and options.ahead:
            found += [self.evaluate(members, height, hold=False, ahead=False, fraction=n) for n in (CHUNK_FRACTION // 2, CHUNK_FRACTION)]
        node = self.graph.nodes[index]
        axis = len(node.spec.output.shape) - 1
        by_channels = options.channels_outer and not self.graph.resident
        if by_channels and node.spec.param_operands and axis in node.spec.splits and node.spec.param_bytes() >= MIN_CHUNKED_BYTES:
            most = ceil_div(node.spec.output.shape[-1], self.target.array.granule[2])
            by_size = (self._chunks(node, CHUNK_FRACTION), self._chunks(node, 4 * CHUNK_FRACTION))
            wanted = {min(parts, most) for parts in (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, *by_size)}
            if not striped:
                # the input stays whatever the chunk, and small chunks can be fetched further ahead
                wanted = {parts for parts in wanted if self._chunk_bytes(node, parts) <= self.target.sram.bytes // (CHUNK_FRACTION - 4)}
            for parts in sorted(wanted - {1}):
                aheads = (options.ahead,) if not striped or not options.ahead else (True, False)
                found += [self.evaluate_by_channels(index, height, parts, one) for one in aheads]
        return found


def _fits(ways: Sequence[Way], budget_bytes: int) -> bool:
    return any(edge is not None and edge.peak_bytes <= budget_bytes for way in ways for edge in way.edges)
