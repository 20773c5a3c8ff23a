# SPDX-License-Identifier: Apache-2.0
"""Ways to run consecutive ops as one group, with closed forms for what they cost and hold; the search prunes with them.

An estimate adds up the cycles of the tiles, each alone on the machine, and sets them against the time of the group's transfers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from npuc.isa.base import Operand, Space
from npuc.ops.base import OpSpec, dense_operand
from npuc.plan.graph import Graph, Node, entering, escaping, row_axis, row_bytes, rows
from npuc.plan.schedule import GroupPlan
from npuc.plan.steps import Compute, align, channel_chunks
from npuc.plan.stripes import Footprints, Profile, profile
from npuc.targets.base import Target, ceil_div

# parameters below this size are not worth a second pass over the input
MIN_CHUNKED_BYTES = 4096
# one part in so many of a group's DMA time counts although it may be hidden
TRAFFIC_WEIGHT = 8
# what a command costs beside its own cycles, in this estimate: waiting for others, and everybody's time to handle it
COMMAND_CYCLES = 64
# a chunk of streamed parameters is at most the SRAM divided by this
CHUNK_FRACTION = 16


@dataclass(frozen=True)
class Candidate:
    """One way to run a group: estimated cycles and bytes, both from closed forms."""

    group: GroupPlan
    cycles: int
    peak_bytes: int


class Groups:
    """Groups of one graph on one machine.

    Attributes:
        keep_bytes: values between groups of at most this size are taken to stay in SRAM.
        considered: candidates evaluated so far.
    """

    def __init__(self, graph: Graph, target: Target):
        self.graph, self.target = graph, target
        self.footprints = Footprints(graph)
        self._cycles: dict[tuple[int, int], int] = {}
        self._groups: dict[tuple[int, int, int], list[Candidate]] = {}
        self.keep_bytes = 0
        self._profiles: dict[tuple[int, int, int, bool], Profile] = {}
        self.considered = 0

    # closed forms ------------------------------------------------------------------------------

    def tile_cycles(self, node: Node, height: int) -> int:
        """Cycles of a tile of `height` output rows from the middle of the image, alone on the machine."""
        key = (node.index, height)
        if key not in self._cycles:
            extent = rows(node.spec.output)
            low = (extent - height) // 2
            spec = node.spec if height == extent else self.footprints.tile(node, low, low + height).spec
            self._cycles[key] = spec_cycles(spec, self.target)
        return self._cycles[key]

    def step_cycles(self, step: Compute) -> int:
        """Cycles of a compute step: the tile's, by its share of the output channels."""
        node = self.graph.nodes[step.node]
        axis = row_axis(node.spec.output)
        cycles = self.tile_cycles(node, rows(node.spec.output) if axis is None else step.region[axis][1])
        return cycles * step.region[-1][1] // node.spec.output.shape[-1] if step.region else cycles

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
        if parts == 1:
            return align(node.spec.param_bytes())
        biggest = max(size for _, size in channel_chunks(node, parts, self.target))
        return align(ceil_div(node.spec.param_bytes() * biggest, node.spec.output.shape[-1]) + 64)

    def _profile(self, members: tuple[int, ...], stripe_rows: int, ahead: bool) -> Profile:
        key = (members[0], members[-1], stripe_rows, ahead)
        if key not in self._profiles:
            self._profiles[key] = profile(self.footprints, members, stripe_rows, ahead=ahead)
        return self._profiles[key]

    def evaluate(
        self, members: tuple[int, ...], stripe_rows: int, hold: bool, ahead: bool = True, fraction: int = CHUNK_FRACTION
    ) -> Candidate:
        """Closed-form cycles and bytes of running `members` as one group.

        Args:
            hold: parameters stay in SRAM for all stripes, else they are fetched again.
            ahead: see `GroupPlan`.
            fraction: chunks of streamed parameters are at most the SRAM divided by this.
        """
        self.considered += 1
        graph, target = self.graph, self.target
        shape = self._profile(members, stripe_rows, ahead)
        count = len(shape.stripes)
        nodes = [graph.nodes[index] for index in members]
        single = count == 1
        parts = tuple(self._chunks(node, fraction) if single or not hold else 1 for node in nodes)
        group = GroupPlan(members, stripe_rows, parts, tuple(not single and not hold for _ in nodes), ahead=ahead)
        dram = target.dram
        again = single or not hold
        fetches = {
            node.index: dram.cycles(graph.moved_bytes(node)) + part * dram.read_latency for node, part in zip(nodes, parts, strict=True)
        }
        compute = stalled = 0
        for stripe in shape.stripes:
            for node in nodes:
                if node.output in stripe.made and not node.spec.is_view:
                    low, high = stripe.made[node.output]
                    cycles = self.tile_cycles(node, high - low)
                    compute += cycles
                    # parameters are fetched a little ahead only: an op that is short of them waits
                    stalled += max(cycles, fetches[node.index]) if again and node.spec.param_bytes() else cycles
        inputs = [value for value in entering(graph, members) if not self._stays(value)]
        outputs = [value for value in escaping(graph, members) if not self._stays(value)]
        load = sum(dram.cycles(graph.types[value].bytes) for value in inputs) + len(inputs) * count * dram.read_latency
        store = sum(dram.cycles(graph.types[value].bytes) for value in outputs) + len(outputs) * count * dram.write_latency
        fetch = sum(fetches[node.index] for node in nodes if node.spec.param_bytes()) * (count if not hold and not single else 1)
        if single:
            cycles = load + max(stalled, fetch) + store
        elif ahead:
            cycles = max(stalled, load + fetch + store) + load // count + store // count
        else:
            cycles = max(stalled, fetch + store) + load + store // count
        tiles = sum(part for stripe in shape.stripes for node, part in zip(nodes, parts, strict=True) if node.output in stripe.made)
        fetched = sum(part for node, part in zip(nodes, parts, strict=True) if node.spec.param_bytes()) * (
            count if not hold and not single else 1
        )
        # traffic that hides today is in the way of something else
        cycles += (load + fetch + store) // TRAFFIC_WEIGHT + (tiles + fetched) * COMMAND_CYCLES
        peak = self._single_peak(nodes, parts) if single else self._striped_peak(shape, nodes, parts, hold)
        return Candidate(group, cycles, peak)

    def _stays(self, value: int) -> bool:
        """Whether the estimate takes a value between groups to stay in SRAM."""
        graph = self.graph
        return graph.types[value].bytes <= self.keep_bytes and value in graph.producer and value not in graph.outputs

    def _single_peak(self, nodes: Sequence[Node], parts: Sequence[int]) -> int:
        """Bytes alive at the worst op when the group is one stripe and every value dies after its last reader."""
        graph = self.graph
        members = tuple(node.index for node in nodes)
        outside = set(escaping(graph, members))
        root: dict[int, int] = {}
        last: dict[int, int] = {}
        for position, node in enumerate(nodes):
            if node.spec.is_view:
                root[node.output] = root.get(node.activations[0], node.activations[0])
            for value in (*node.activations, node.output):
                last[root.get(value, value)] = len(nodes) if value in outside else position
        alive = {value: align(graph.types[value].bytes) for value in entering(graph, members)}
        peak = 0
        for position, (node, part) in enumerate(zip(nodes, parts, strict=True)):
            out = root.get(node.output, node.output)
            alive.setdefault(out, align(graph.types[out].bytes))
            chunk = self._chunk_bytes(node, part)
            work = chunk * (2 if part > 1 else 1) + align(node.spec.scratch_bytes(self.target))
            peak = max(peak, sum(alive.values()) + work)
            for value in [value for value in alive if last.get(value, -1) <= position]:
                del alive[value]
        return peak

    def _striped_peak(self, shape: Profile, nodes: Sequence[Node], parts: Sequence[int], hold: bool) -> int:
        """Bytes of all rings, of all held parameters (or of the two largest chunks) and of the largest scratch."""
        graph = self.graph
        views = {node.output for node in nodes if node.spec.is_view}
        inside = {node.output for node in nodes} - set(escaping(graph, [node.index for node in nodes]))
        rings = sum(
            align(graph.types[value].bytes if self._stays(value) and value not in inside else held * row_bytes(graph.types[value]))
            for value, held in shape.capacity.items()
            if value not in views
        )
        chunks = [self._chunk_bytes(node, part) for node, part in zip(nodes, parts, strict=True)]
        params = sum(chunks) if hold else 2 * max(chunks, default=0)
        scratch = max((align(node.spec.scratch_bytes(self.target)) for node in nodes), default=0)
        return rings + params + scratch

    def evaluate_by_channels(self, index: int, stripe_rows: int, parts: int, ahead: bool) -> Candidate:
        """Closed-form cycles and bytes of one op with its chunks of output channels outside, its stripes inside."""
        self.considered += 1
        graph, target = self.graph, self.target
        node, dram = graph.nodes[index], self.target.dram
        shape = self._profile((index,), stripe_rows, ahead)
        count = len(shape.stripes)
        chunks = channel_chunks(node, parts, target)
        group = GroupPlan((index,), stripe_rows, (parts,), (False,), outer="channels", ahead=ahead)
        chunk_bytes, channels = self._chunk_bytes(node, parts), chunks[0][1]
        compute = sum(self.tile_cycles(node, high - low) for low, high in (stripe.made[node.output] for stripe in shape.stripes))
        passes = 1 if count == 1 else len(chunks)
        arriving = [value for value in set(node.activations) if not self._stays(value)]
        load = passes * sum(dram.cycles(graph.types[value].bytes) + count * dram.read_latency for value in arriving)
        fetch = dram.cycles(graph.moved_bytes(node)) + len(chunks) * dram.read_latency
        # channels of a chunk are short runs: bursts are wasted on them
        run = ceil_div(channels, dram.burst_bytes) * dram.burst_bytes
        store = dram.cycles(node.spec.output.bytes // channels * run) + len(chunks) * count * dram.write_latency
        first = load // (count * passes) if count > 1 else load
        hidden = load - first if ahead else 0
        cycles = load - hidden + max(compute, hidden + fetch + store) + (load + fetch + store) // TRAFFIC_WEIGHT
        cycles += len(chunks) * (1 + (2 + passes) * count) * COMMAND_CYCLES
        tallest = max(high - low for low, high in (stripe.made[node.output] for stripe in shape.stripes))
        tile = align(node.spec.output.bytes // rows(node.spec.output) * tallest * channels // node.spec.output.shape[-1])
        inputs = sum(align(held * row_bytes(graph.types[value])) for value, held in shape.capacity.items() if value != node.output)
        peak = inputs * (2 if count > 1 and ahead else 1) + 2 * chunk_bytes + 2 * tile + align(node.spec.scratch_bytes(target))
        return Candidate(group, cycles, peak)

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

    def options(self, first: int, end: int) -> list[Candidate]:
        """Ways to run nodes first .. end - 1 as one group: every stripe height, parameters held or fetched again."""
        key = (first, end, self.keep_bytes)
        if key in self._groups:
            return self._groups[key]
        members = tuple(range(first, end))
        found: list[Candidate] = []
        for height in self._stripe_heights(members):
            found.append(self.evaluate(members, height, hold=True))
            striped = height < self._stripe_heights(members)[0]
            parameters = any(self.graph.nodes[i].spec.param_bytes() for i in members)
            if striped and parameters:
                found.append(self.evaluate(members, height, hold=False))
            if end - first == 1:
                found += self._alone(first, height, striped, parameters)
        self._groups[key] = found
        return found

    def _alone(self, index: int, height: int, striped: bool, parameters: bool) -> list[Candidate]:
        """More ways for an op by itself: no load ahead, smaller chunks, channels outside."""
        members = (index,)
        found = [self.evaluate(members, height, hold=True, ahead=False)] if striped else []
        if not parameters:
            return found
        for fraction in (CHUNK_FRACTION // 2, 2 * CHUNK_FRACTION):
            found.append(self.evaluate(members, height, hold=False, fraction=fraction))
        if striped:
            found += [self.evaluate(members, height, hold=False, ahead=False, fraction=n) for n in (CHUNK_FRACTION // 2, CHUNK_FRACTION)]
        node = self.graph.nodes[index]
        axis = len(node.spec.output.shape) - 1
        if node.spec.param_operands and axis in node.spec.splits and node.spec.param_bytes() >= MIN_CHUNKED_BYTES:
            most = ceil_div(node.spec.output.shape[-1], self.target.array.granule[2])
            by_size = (self._chunks(node, CHUNK_FRACTION), self._chunks(node, 4 * CHUNK_FRACTION))
            wanted = {min(parts, most) for parts in (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, *by_size)}
            if not striped:
                # the input stays whatever the chunk, and small chunks can be fetched further ahead
                wanted = {parts for parts in wanted if self._chunk_bytes(node, parts) <= self.target.sram.bytes // (CHUNK_FRACTION - 4)}
            for parts in sorted(wanted - {1}):
                found += [self.evaluate_by_channels(index, height, parts, ahead) for ahead in ((True, False) if striped else (True,))]
        return found

    def best(self, first: int, end: int, budget_bytes: int) -> Candidate | None:
        """The cheapest way to run nodes first .. end - 1 as one group within `budget_bytes`."""
        fitting = [c for c in self.options(first, end) if c.peak_bytes <= budget_bytes]
        return min(fitting, key=lambda c: (c.cycles, c.peak_bytes), default=None)


def spec_cycles(spec: OpSpec, target: Target) -> int:
    """Sum of the cycles of the op's commands, each alone on the machine."""
    if spec.is_view:
        return 0
    inputs = tuple(dense_operand(spec.inputs[i], Space.SRAM, 0) for i in spec.activations)
    output = dense_operand(spec.output, Space.SRAM, 0)
    params = Operand.dense(Space.SRAM, 0, (1, 1, 1, max(spec.param_bytes(), 1)))
    scratch = Operand.dense(Space.SRAM, 0, (1, 1, 1, max(spec.scratch_bytes(target), 1)))
    return sum(instruction.cycles(target) for instruction in spec.emit(inputs, output, params, scratch, target))
