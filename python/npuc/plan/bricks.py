# SPDX-License-Identifier: Apache-2.0
"""Which values lie in bricks of channels, on machines whose core reads and writes them in whole bursts.

A row of such a value holds 16 channels of all its pixels, then the next 16. It takes no more bytes than in the order N, H, W, C, and a
block of 16 channels is as long as it is wide instead of 16 bytes a pixel. The host knows the order N, H, W, C alone.
"""

from dataclasses import replace

from npuc.plan.commands import can_lie_in_bricks
from npuc.plan.graph import Graph
from npuc.targets.base import Target


def in_bricks(graph: Graph, target: Target) -> Graph:
    """The graph with every value in bricks that stays between ops which take them."""
    if not target.array.bricks:
        return graph
    edges = {*graph.inputs, *graph.outputs}
    found = frozenset(
        node.output
        for node in graph.nodes
        if node.output not in edges
        and can_lie_in_bricks(node.spec.output)
        and all(graph.nodes[index].spec.takes_bricks for index in (node.index, *graph.consumers[node.output]))
    )
    return replace(graph, bricks=found)
