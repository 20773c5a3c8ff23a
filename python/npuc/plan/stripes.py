# SPDX-License-Identifier: Apache-2.0
"""How a stripe travels backward through a group: rows needed, rows made anew, rows that must stay alive.

Footprints of the ops are composed over the group's graph, residual adds, branches and concats included.
Nothing is computed twice: what an earlier stripe made stays in a ring of rows.
"""

from dataclasses import dataclass

from npuc.ops.base import Tile
from npuc.plan.graph import Graph, Node, entering, escaping, row_axis, rows, with_rows


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
class Stripe:
    """One step of a group.

    Attributes:
        made: value -> (low, high) rows that appear in this step (loaded or computed), empty ranges left out.
        oldest: value -> lowest row that this step's readers need.
    """

    made: dict[int, tuple[int, int]]
    oldest: dict[int, int]


@dataclass(frozen=True)
class Profile:
    """All stripes of a group and the ring capacity that each value needs.

    Attributes:
        capacity: value -> rows held at once (the whole extent where no ring is possible).
    """

    stripes: tuple[Stripe, ...]
    capacity: dict[int, int]


def profile(
    footprints: Footprints,
    members: tuple[int, ...],
    stripe_rows: int,
    keep: tuple[int, ...] = (),
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
    outside = escaping(graph, members)
    inputs = entering(graph, members)
    tallest = max(rows(graph.types[value]) for value in outside)
    count = -(-tallest // stripe_rows)
    done: dict[int, int] = {}
    stripes = []
    for step in range(count):
        needed = {value: -(-rows(graph.types[value]) * (step + 1) // count) for value in outside}
        if step + 1 < count and count > 1:
            # equal heights follow the stripe height exactly; others keep pace in proportion
            needed = {
                value: min(rows(graph.types[value]), (step + 1) * stripe_rows) if rows(graph.types[value]) == tallest else wanted
                for value, wanted in needed.items()
            }
        made: dict[int, tuple[int, int]] = {}
        oldest: dict[int, int] = {}
        for index in reversed(members):
            node = graph.nodes[index]
            before, until = done.get(node.output, 0), needed.get(node.output, 0)
            if until <= before:
                continue
            if not footprints.divisible(node):
                until = rows(node.spec.output)
            made[node.output] = (before, until)
            for value, low, high in footprints.needs(node, before, until):
                needed[value] = max(needed.get(value, 0), high)
                oldest[value] = min(oldest.get(value, low), low)
        for value in inputs:
            before, until = done.get(value, 0), needed.get(value, 0)
            if until > before and value not in resident:
                made[value] = (before, until)
        done.update({value: high for value, (_, high) in made.items()})
        stripes.append(Stripe(made, oldest))
    return Profile(tuple(stripes), _capacities(footprints, members, tuple(stripes), keep, inputs if ahead else (), outside))


def _capacities(footprints: Footprints, members, stripes: tuple[Stripe, ...], keep, fetched_ahead, outside) -> dict[int, int]:
    graph = footprints.graph
    whole = set(keep)
    for index in members:
        node = graph.nodes[index]
        if node.spec.is_view:
            whole.update((node.output, *node.activations))
    found: dict[int, int] = {}
    for value in {value for stripe in stripes for value in stripe.made}:
        extent = rows(graph.types[value])
        if value in whole or len(stripes) == 1 or graph.types[value].nhwc[0] > 1:
            found[value] = extent
            continue
        ahead = 1 if value in fetched_ahead else 0
        stored = value in outside
        highs, lows = [], []
        high = 0
        for stripe in stripes:
            start, stop = stripe.made.get(value, (high, high))
            high = stop
            highs.append(high)
            low = stripe.oldest.get(value, high)
            # what appears in a step lies in the ring together, also where nobody reads the first rows of it
            lows.append(min(low, start))
        for step in range(len(stripes) - 2, -1, -1):
            lows[step] = min(lows[step], lows[step + 1])
        most = 0
        for step in range(len(stripes)):
            top = highs[min(step + ahead, len(stripes) - 1)]
            bottom = lows[max(step - 1, 0)] if stored else lows[step]
            most = max(most, top - bottom)
        found[value] = min(most, extent)
    return found
