# SPDX-License-Identifier: Apache-2.0
"""How a stripe travels backward through a group: rows needed, rows made anew, rows that must stay alive.

Footprints of the ops are composed over the group's graph, residual adds, branches and concats included.
Nothing is computed twice: what an earlier stripe made stays in a ring of rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from npuc.ops.base import Tile
from npuc.plan.graph import Graph, Node, entering, escaping, row_axis, rows, with_rows
from npuc.targets.base import Target, ceil_div


class Footprints:
    """Rows of the inputs that rows of an output need, remembered per node."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self._divisible: dict[int, bool] = {}
        self._tiles: dict[tuple[int, int, int], Tile] = {}
        self._needs: dict[tuple[int, int, int], tuple[tuple[int, int, int], ...]] = {}
        self._moved_bytes: dict[tuple[int, int, int], int] = {}
        self._param_bytes: dict[tuple[int, int, int], int] = {}

    def tile(self, node: Node, low: int, high: int) -> Tile:
        """The node cut to output rows low .. high - 1."""
        key = (node.index, low, high)
        if key not in self._tiles:
            self._tiles[key] = node.spec.tile(with_rows(node.spec.output, low, high))
        return self._tiles[key]

    def scratch_bytes(self, node: Node, height: int, target: Target) -> int:
        """Scratch of a tile of `height` output rows, all channels."""
        if not node.spec.scratch_bytes(target):
            return 0
        return self.tile(node, 0, height).spec.scratch_bytes(target)

    def param_bytes(self, node: Node, chunk: tuple[int, int]) -> int:
        """Bytes of the packed parameters of output channels `chunk` (start, size)."""
        if chunk == (0, node.spec.output.nhwc[-1]):
            return node.spec.param_bytes()
        key = (node.index, *chunk)
        if key not in self._param_bytes:
            self._param_bytes[key] = node.spec.tile((*node.spec.output.whole[:-1], chunk)).spec.param_bytes()
        return self._param_bytes[key]

    def moved_bytes(self, node: Node, chunk: tuple[int, int]) -> int:
        """Bytes that a fetch of the parameters of `chunk` moves, and that it takes in SRAM."""
        if chunk == (0, node.spec.output.nhwc[-1]):
            return self.graph.moved_bytes(node)
        if self.graph.packed_part_bytes is None or node.index not in self.graph.packed_bytes:
            return self.param_bytes(node, chunk)
        key = (node.index, *chunk)
        if key not in self._moved_bytes:
            self._moved_bytes[key] = self.graph.packed_part_bytes(node.index, (*node.spec.output.whole[:-1], chunk))
        return self._moved_bytes[key]

    def needs(self, node: Node, low: int, high: int) -> tuple[tuple[int, int, int], ...]:
        """(value, first row, one past the last row) for each activation that the rows low .. high - 1 read."""
        key = (node.index, low, high)
        if key not in self._needs:
            regions = self.tile(node, low, high).regions
            found = []
            for position in node.spec.activations:
                value = node.inputs[position]
                axis = row_axis(self.graph.types[value])
                start, size = (0, 1) if axis is None else regions[position][axis]
                found.append((value, start, start + size))
            self._needs[key] = tuple(found)
        return self._needs[key]

    def divisible(self, node: Node) -> bool:
        """Whether the node can be cut by rows."""
        found = self._divisible.get(node.index)
        if found is None:
            axis = row_axis(node.spec.output)
            found = self._divisible[node.index] = not node.spec.is_view and axis is not None and axis in node.spec.splits
        return found


@dataclass(frozen=True)
class Profile:
    """All stripes of a group and the ring capacity that each value needs.

    Attributes:
        count: stripes.
        made: value -> the rows (low, high) of it that each stripe loads or computes; None where there are none.
        oldest: value -> the lowest row that the readers of each stripe need; None where nobody reads.
        capacity: value -> rows held at once (the whole extent where no ring is possible).
    """

    count: int
    made: dict[int, tuple[tuple[int, int] | None, ...]]
    oldest: dict[int, tuple[int | None, ...]]
    capacity: dict[int, int]

    def rows_made(self, value: int, step: int) -> tuple[int, int] | None:
        """The rows of a value that appear in a stripe; None where there are none."""
        return self.made[value][step] if value in self.made else None


@dataclass(frozen=True)
class Tail:
    """The last ops of a group in stripes, without the values that enter them.

    A group is its tail with one op more in front: nothing behind that op changes, as long as the same values leave.

    Attributes:
        leaving: values that leave the group.
        keep: values that stay whole, whoever needs them.
        wanted: value -> one past the last row that each stripe needs; 0 where it needs none.
        count, made, oldest, capacity: see `Profile`.
    """

    count: int
    leaving: frozenset[int]
    keep: frozenset[int]
    wanted: dict[int, tuple[int, ...]]
    made: dict[int, tuple[tuple[int, int] | None, ...]]
    oldest: dict[int, tuple[int | None, ...]]
    capacity: dict[int, int]

    @classmethod
    def of(cls, graph: Graph, leaving: Sequence[int], stripe_rows: int, keep: Sequence[int] = ()) -> "Tail":
        """No op yet: what leaves, in stripes of `stripe_rows` rows of the tallest."""
        heights = {value: rows(graph.types[value]) for value in leaving}
        tallest = max(heights.values())
        count = ceil_div(tallest, stripe_rows)
        wanted = {}
        for value, height in heights.items():
            # equal heights follow the stripe height exactly; others keep pace in proportion
            pace = [(step + 1) * stripe_rows if height == tallest else ceil_div(height * (step + 1), count) for step in range(count)]
            wanted[value] = (*pace[:-1], height)
        return cls(count, frozenset(leaving), frozenset(keep), wanted, {}, {}, {})

    def behind(self, footprints: Footprints, node: Node) -> "Tail":
        """With `node` in front."""
        graph = footprints.graph
        divisible, extent = footprints.divisible(node), rows(node.spec.output)
        reads = {
            value: (list(self.wanted.get(value, (0,) * self.count)), list(self.oldest.get(value, (None,) * self.count)))
            for value in node.activations
        }
        made: list[tuple[int, int] | None] = []
        done = 0
        for step, until in enumerate(self.wanted.get(node.output, ())):
            if until <= done:
                made.append(None)
                continue
            high = until if divisible else extent
            made.append((done, high))
            for value, first, last in footprints.needs(node, done, high):
                wanted, oldest = reads[value]
                wanted[step] = max(wanted[step], last)
                before = oldest[step]
                oldest[step] = first if before is None else min(before, first)
            done = high
        keep = self.keep | {node.output, *node.activations} if node.spec.is_view else self.keep
        tail = replace(
            self,
            keep=keep,
            wanted={**self.wanted, **{value: tuple(wanted) for value, (wanted, _) in reads.items()}},
            oldest={**self.oldest, **{value: tuple(oldest) for value, (_, oldest) in reads.items()}},
        )
        if not done:
            return tail
        held = tail.ring_rows(graph, node.output, made, 0)
        return replace(tail, made={**self.made, node.output: tuple(made)}, capacity={**self.capacity, node.output: held})

    def loads(self, graph: Graph, value: int, ahead: bool) -> tuple[tuple[tuple[int, int] | None, ...], int]:
        """The rows of an entering value that appear in each stripe, and those held at once; `ahead` as for `profile`."""
        found: list[tuple[int, int] | None] = []
        done = 0
        for until in self.wanted.get(value, (0,) * self.count):
            found.append((done, until) if until > done else None)
            done = max(done, until)
        return tuple(found), self.ring_rows(graph, value, found, int(ahead)) if done else 0

    def ring_rows(self, graph: Graph, value: int, made: Sequence[tuple[int, int] | None], ahead: int) -> int:
        """Rows of a value held at once.

        Args:
            made: the rows that appear in each stripe.
            ahead: stripes whose rows are there early.
        """
        extent = rows(graph.types[value])
        if value in self.keep or self.count == 1 or graph.types[value].nhwc[0] > 1:
            return extent
        highs, lows = [], []
        high = 0
        for appears, oldest in zip(made, self.oldest.get(value, (None,) * self.count), strict=True):
            start, high = appears or (high, high)
            highs.append(high)
            # what appears in a step lies in the ring together, also where nobody reads the first rows of it
            lows.append(start if oldest is None else min(oldest, start))
        for step in range(self.count - 2, -1, -1):
            lows[step] = min(lows[step], lows[step + 1])
        # what leaves is stored while the next stripe is made
        late = 1 if value in self.leaving else 0
        most = max(highs[min(step + ahead, self.count - 1)] - lows[max(step - late, 0)] for step in range(self.count))
        return min(most, extent)


def profile(
    footprints: Footprints,
    members: tuple[int, ...],
    stripe_rows: int,
    keep: Sequence[int] = (),
    resident: frozenset[int] = frozenset(),
    ahead: bool = True,
) -> Profile:
    """Compose the footprints of `members` for stripes of `stripe_rows` rows of their tallest escaping output.

    Args:
        keep: values made here that stay whole.
        resident: values from outside that already lie whole in SRAM and need no load.
        ahead: rings of loaded values have room for the next stripe's rows.
    """
    graph = footprints.graph
    tail = Tail.of(graph, escaping(graph, members), stripe_rows, keep)
    for index in reversed(members):
        tail = tail.behind(footprints, graph.nodes[index])
    made, capacity = dict(tail.made), dict(tail.capacity)
    for value in entering(graph, members):
        loads, held = tail.loads(graph, value, ahead)
        if value not in resident and held:
            made[value], capacity[value] = loads, held
    return Profile(tail.count, made, tail.oldest, capacity)
