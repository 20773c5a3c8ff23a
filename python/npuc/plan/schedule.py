# SPDX-License-Identifier: Apache-2.0
"""What a schedule says. It goes to JSON and `#npu.schedule` and back without loss."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from npuc.errors import UserInputError
from npuc.plan.graph import Graph, entering, escaping
from npuc.targets.base import Target

OUTER = ("rows", "channels")


@dataclass(frozen=True)
class GroupPlan:
    """Consecutive ops computed depth-first in SRAM, stripe by stripe.

    Attributes:
        nodes: indices of the ops, in order.
        stripe_rows: rows of each escaping output a stripe completes; the largest output's extent means one stripe.
        chunks: for each op, how many parts its output channels are cut into, parameters with them.
        stream: for each op, whether parameters are fetched again for every stripe instead of held.
        keep: values made here that stay in SRAM whole until their last reader.
        outer: "rows": a stripe passes all ops before the next one. "channels" (one op alone): a chunk of output channels passes
            all stripes before the next one, so that parameters are fetched once and the input again for every chunk.
        ahead: the next stripe's inputs are loaded while this one is computed; without it they wait for room.
        direct: for each op, whether the core itself reads the parameters off-chip, for every tile; empty: for none.
        far: values that the core itself reads, or writes, off-chip; they take no SRAM.
    """

    nodes: tuple[int, ...]
    stripe_rows: int
    chunks: tuple[int, ...]
    stream: tuple[bool, ...]
    keep: tuple[int, ...] = ()
    outer: str = "rows"
    ahead: bool = True
    direct: tuple[bool, ...] = ()
    far: tuple[int, ...] = ()

    def reads_directly(self, node: int) -> bool:
        """Whether the core reads the parameters of `node` off-chip."""
        return bool(self.direct) and self.direct[self.nodes.index(node)]


def _mapping(value: Any, subject: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{subject} is {value!r}, wanted named values")
    return value


def _list(value: Any, subject: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{subject} is {value!r}, wanted a list")
    return list(value)


def _whole(value: Any, subject: str) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{subject} is {value!r}, wanted a whole number of at least 0")
    return value


def _wholes(value: Any, subject: str) -> tuple[int, ...]:
    return tuple(_whole(item, subject) for item in _list(value, subject))


def _truth(value: Any, subject: str) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{subject} is {value!r}, wanted true or false")
    return value


def _group(values: dict[str, Any], number: int) -> GroupPlan:
    unknown = set(values) - {item.name for item in fields(GroupPlan)}
    if unknown:
        raise ValueError(f"group {number} has the unknown key '{min(unknown)}'")
    outer = values["outer"]
    if outer not in OUTER:
        raise ValueError(f"outer is {outer!r}, wanted {' or '.join(OUTER)}")
    return GroupPlan(
        nodes=_wholes(values["nodes"], "nodes"),
        stripe_rows=_whole(values["stripe_rows"], "stripe_rows"),
        chunks=_wholes(values["chunks"], "chunks"),
        stream=tuple(_truth(item, "stream") for item in _list(values["stream"], "stream")),
        keep=_wholes(values["keep"], "keep"),
        outer=outer,
        ahead=_truth(values["ahead"], "ahead"),
        direct=tuple(_truth(item, "direct") for item in _list(values.get("direct", []), "direct")),
        far=_wholes(values.get("far", []), "far"),
    )


def group_problems(group: GroupPlan, graph: Graph, target: Target) -> Iterator[str]:
    """What cannot be done, in words; the group's ops are those of the graph."""
    if not group.nodes:
        yield "it has no ops"
        return
    if group.stripe_rows < 1:
        yield f"stripe_rows is {group.stripe_rows}, wanted at least 1"
    if len(group.chunks) != len(group.nodes) or len(group.stream) != len(group.nodes):
        yield f"it has {len(group.nodes)} ops, {len(group.chunks)} chunks and {len(group.stream)} streams, wanted as many"
        return
    for index, parts in zip(group.nodes, group.chunks, strict=True):
        spec = graph.nodes[index].spec
        if parts < 1 or (parts > 1 and (len(spec.output.shape) - 1 not in spec.splits or parts > spec.output.shape[-1])):
            yield f"{parts} chunks of '{graph.nodes[index].name}', wanted 1, or parts of output channels that can be cut"
    if group.direct and len(group.direct) != len(group.nodes):
        yield f"it has {len(group.nodes)} ops and {len(group.direct)} entries of direct, wanted as many, or none"
        return
    if (any(group.direct) or group.far) and (not target.core_reaches_dram or group.outer == "channels"):
        yield f"its ops reach off-chip memory, wanted a machine whose core does, and rows outside; this is {target.name}"
    if any(not graph.nodes[index].spec.param_operands for index in group.nodes if group.reads_directly(index)):
        yield "an op without weights reads its parameters off-chip, wanted one with weights"
    strange = set(group.far) - set(far_values(graph, group.nodes, target))
    if strange or set(group.far) & set(group.keep):
        yield f"values {sorted(strange) or list(group.far)} stay off-chip, wanted values at the group's edges that are neither kept nor views"
    strange = set(group.keep) - set(escaping(graph, group.nodes))
    if strange:
        yield f"it keeps value {min(strange)}, wanted values made here that others read"
    alone = len(group.nodes) == 1 and not graph.nodes[min(group.nodes)].spec.is_view
    if group.outer == "channels" and (not alone or group.keep):
        yield "channels stand outside, wanted one op that moves data, and nothing kept"


def far_values(graph: Graph, members: Sequence[int], target: Target) -> tuple[int, ...]:
    """Values at the edges of a group that the core can read or write off-chip."""
    if not target.core_reaches_dram:
        return ()
    views = {value for i in members if graph.nodes[i].spec.is_view for value in (*graph.nodes[i].activations, graph.nodes[i].output)}
    leaving = escaping(graph, members) if target.dram.writable else ()
    # what is made and read again in the group lies in SRAM
    inside = {value for i in members for value in graph.nodes[i].activations}
    return tuple(
        value
        for value in (*entering(graph, members), *(value for value in leaving if value not in inside))
        if value not in views and value not in graph.resident and value not in graph.constants
    )


@dataclass(frozen=True)
class Schedule:
    """Groups in order, and what the planner knows of the result.

    Attributes:
        capacity_bytes: SRAM that placement may use; 0: all that the machine has.
        fetch: for each parameter load, in the order of use, the number of the compute step in front of which it stands;
            empty: each at its use.
        join_bytes: parameter loads that stand together travel as one transfer of at most so many bytes; 0: each alone.
        bricks: feature maps lie in bricks of channels where they can (`npuc.plan.bricks`).
        estimate_cycles: what the timing engine says.
        network_bound_cycles: no schedule is faster.
        peak_sram_bytes, live_sram_bytes: the placement's top, and the bound that live ranges give.
    """

    groups: tuple[GroupPlan, ...]
    fetch: tuple[int, ...] = ()
    join_bytes: int = 0
    capacity_bytes: int = 0
    bricks: bool = False
    estimate_cycles: int = 0
    network_bound_cycles: int = 0
    peak_sram_bytes: int = 0
    live_sram_bytes: int = 0

    def to_dict(self) -> dict:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "Schedule":
        """The inverse of `to_dict`, from JSON or from the attribute. Keys that say nothing of the schedule are ignored.

        Raises:
            UserInputError: a key is missing or unknown, or a value of the wrong kind.
        """
        known = {item.name for item in fields(cls)}
        try:
            content = _mapping(values, "the schedule")
            rest = {key: _whole(content[key], key) for key in known & set(content) - {"groups", "fetch", "bricks"}}
            groups = tuple(
                _group(_mapping(group, f"group {number}"), number) for number, group in enumerate(_list(content["groups"], "groups"))
            )
            bricks = _truth(content.get("bricks", False), "bricks")
            return cls(groups=groups, fetch=_wholes(content.get("fetch", []), "fetch"), bricks=bricks, **rest)
        except KeyError as error:
            raise UserInputError(f"the schedule has no {error}", wanted="the form that --save-schedule writes") from error
        except ValueError as error:
            raise UserInputError(f"the schedule cannot be read: {error}", wanted="the form that --save-schedule writes") from error

    def check(self, graph: Graph, target: Target) -> None:
        """Hold a schedule that came from outside against the network.

        Raises:
            UserInputError: it is not for this network, or asks for what cannot be done.
        """
        covered = [index for group in self.groups for index in group.nodes]
        if covered != list(range(len(graph.nodes))):
            wanted = f"each of the ops 0..{len(graph.nodes) - 1} once, in order"
            raise UserInputError("the schedule is not for this network", found=f"ops {covered[:8]}", wanted=wanted)
        for number, group in enumerate(self.groups):
            for problem in group_problems(group, graph, target):
                raise UserInputError(f"group {number} of the schedule cannot be done: {problem}", layer=graph.nodes[min(group.nodes, default=0)].name)

    def with_result(self, **values: int) -> "Schedule":
        """The same decisions with what is known of the result."""
        return replace(self, **values)
