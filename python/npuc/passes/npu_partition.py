# SPDX-License-Identifier: Apache-2.0
"""Marks each op with the device that runs it: `npu.device = "npu"` or `"host"`, and on the host `npu.reason`.

An op goes to the host where the target refuses it (`limits` and `limits_with_params` of the op's own file; the reason is the rule,
what was found and what was wanted), where it only changes the layout beside such an op, or where `force-host` names it. It may stand
anywhere: what runs on the NPU between host ops is a segment of its own (`npuc.passes._segment`). With `fallback=false` a refused op
may stand at the program's edges only, before the first NPU op or after the last, and anywhere else is an UnsupportedOp. An op that is
not of npuc.ops always is: nothing here can run it.

A reshape between the NPU and the host, or the end, is marked "host" without a reason: it is the same tensor under another shape, and
nobody has to run it (`npuc.compiler`).
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch_mlir import ir

from npuc.dialects.attrs import from_attr, to_attr
from npuc.dialects.base import spec_class, spec_of, tensor_type
from npuc.errors import UnsupportedOp, UserInputError
from npuc.numerics.functions import FUNCTIONS
from npuc.ops import all_ops
from npuc.ops.base import Refusal
from npuc.passes.base import Pass, constant_value, functions, layer_name, location_names, option, refusal, target_of, uses
from npuc.plan.graph import row_axis, with_rows
from npuc.targets.base import Target

DEVICE_ATTRIBUTE = "npu.device"
REASON_ATTRIBUTE = "npu.reason"

# Neither computes anything nor is placed anywhere.
_DATA = ("npu.constant",)
# Beside a host op these save a round trip.
_LAYOUT = ("npu.transpose", "npu.reshape")
# What stands around a layer that is computed in floating point.
_CONVERSIONS = (*_LAYOUT, "npu.quantize", "npu.dequantize")
# What a lowering puts around the op that a user would know.
_AROUND = ("tensor.empty", "arith.constant", "linalg.fill", "linalg.broadcast", "tensor.expand_shape", "tensor.collapse_shape", "tensor.cast")


@dataclass(frozen=True)
class NpuPartition(Pass):
    """Raises UnsupportedOp, naming the layer, the rule, what was found and what was wanted."""

    fallback: bool = option("a refused op runs on the host wherever it stands; without it, at the program's edges only", default=True)
    force_host: str = option("layers, or ops as `npuc ops` names them, that run on the host; separated by commas", default="")

    def run(self, module: ir.Module) -> None:
        target = target_of(module)
        names = tuple(name.strip() for name in self.force_host.split(",") if name.strip())
        bodies = [_Body(function.operation.regions[0].blocks[0], target, names) for function in functions(module)]
        for name in names:
            _check_named(name, [op for body in bodies for op in body.ops])
        for body in bodies:
            body.mark(self.fallback)


def _check_named(name: str, ops: list[ir.Operation]) -> None:
    """Raises UserInputError where no op answers to `name`."""
    if any(name in _names(op) for op in ops):
        return
    known = sorted({one for op in ops for one in _names(op) if not one.startswith("npu.")})
    near = difflib.get_close_matches(name, known, 3)
    advice = f"did you mean {' or '.join(near)}?" if near else ""
    raise UserInputError(f"there is no layer or op '{name}' to put on the host", found=name, wanted=", ".join(known[:20]), advice=advice)


def _names(op: ir.Operation) -> tuple[str, ...]:
    """What a user may call an op: its layer and those that were fused into it, the op, the op with its dialect."""
    return *location_names(op.location), op.name.partition(".")[2], op.name


@dataclass
class _Body:
    """One function while its ops are placed.

    Attributes:
        ops: all that compute, in program order.
        reasons: result -> why its op runs on the host.
        refusals: of them, those that the target refuses.
    """

    block: ir.Block
    target: Target
    names: tuple[str, ...]
    ops: list[ir.Operation] = field(init=False)
    reasons: dict[ir.Value, str] = field(default_factory=dict)
    refusals: dict[ir.Value, Refusal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ops = [view.operation for view in self.block.operations if view.operation.name not in ("func.return", *_DATA)]
        _check_known(self.ops)

    def mark(self, fallback: bool) -> None:
        """Set the attributes of every op."""
        for op in self.ops:
            self._judge(op)
        views = self._views_of_results(set(self.reasons))
        refused = set(self.reasons) - views
        layouts = _beside(self._reached_forward(refused), refused) | _beside(self._reached_backward(refused), refused)
        # a view of what the host makes is the host's after all
        views = self._views_of_results(refused | layouts)
        refused = set(self.reasons) - views
        for result in views:
            self.reasons.pop(result, None)
            self.refusals.pop(result, None)
        edges = self._edges(refused | layouts)
        for op in self.ops:
            result = op.results[0]
            if result in layouts - refused:
                self.reasons[result] = "layout at the program's edge" if result in edges else "layout beside an op of the host"
        if not fallback:
            self._check_edges(edges)
        for op in self.ops:
            reason = self.reasons.get(op.results[0], "")
            op.attributes[DEVICE_ATTRIBUTE] = to_attr("host" if reason or op.results[0] in views else "npu")
            if reason:
                op.attributes[REASON_ATTRIBUTE] = to_attr(reason)

    def _check_edges(self, edges: set[ir.Value]) -> None:
        """Raises UnsupportedOp where a refused op stands between NPU ops; names one that computes before those that convert around it."""
        inside = [op for op in self.ops if op.results[0] in self.refusals and op.results[0] not in edges]
        if inside:
            op = min(inside, key=lambda one: one.name in _CONVERSIONS)
            raise _refused_in_the_middle(op, self.refusals[op.results[0]])

    def _judge(self, op: ir.Operation) -> None:
        result = op.results[0]
        refused = next(_refusals(op, self.target), None) or self._no_room(op)
        if refused is not None:
            self.refusals[result] = refused
            self.reasons[result] = _words(refused)
        elif any(name in _names(op) for name in self.names):
            self.reasons[result] = "put on the host by name"

    def _no_room(self, op: ir.Operation) -> Refusal | None:
        """Where off-chip memory cannot be written, what a host op hands over lies in SRAM, and the result with it where it goes back."""
        taken = sum(tensor_type(value.type).bytes for value in dict.fromkeys(op.operands) if value in self.reasons)
        if self.target.dram.writable or not taken:
            return None
        spec = spec_of(op)
        given = 0 if _readers(op.results[0]) else spec.output.bytes
        tile = spec.tile(with_rows(spec.output, 0, 1)).spec if row_axis(spec.output) in spec.splits else spec
        needed = taken + given + spec.param_bytes() + tile.scratch_bytes(self.target)
        if needed <= self.target.sram.bytes:
            return None
        rule = "what the host hands over and takes back lies in SRAM where off-chip memory cannot be written"
        return Refusal(rule, f"{needed} bytes with what one row needs", f"at most {self.target.sram.bytes}")

    def _reached_forward(self, refused: set[ir.Value]) -> list[ir.Operation]:
        """Host ops, and layout changes that depend on arguments and such ops alone: on the host they add no transfer to it."""
        found: list[ir.Operation] = []
        results: set[ir.Value] = set()
        for op in self.ops:
            outside = all(isinstance(value.owner, ir.Block) or value in results for value in op.operands)
            if op.results[0] in refused or (outside and op.name in _LAYOUT):
                found.append(op)
                results.add(op.results[0])
        return found

    def _reached_backward(self, refused: set[ir.Value]) -> list[ir.Operation]:
        """Host ops, and layout changes that only returns and such ops read."""
        found: list[ir.Operation] = []
        results: set[ir.Value] = set()
        for op in reversed(self.ops):
            inside = all(reader.results[0] in results for reader in _readers(op.results[0]))
            if op.results[0] in refused or (inside and op.name in _LAYOUT):
                found.append(op)
                results.add(op.results[0])
        return found[::-1]

    def _views_of_results(self, host: set[ir.Value]) -> set[ir.Value]:
        """Reshapes of what the NPU made, for nobody but the host: it finds the bytes under another shape, and nothing is computed.

        On the NPU they would hold the whole tensor in SRAM. Those that the target refuses are among them.
        """
        found: set[ir.Value] = set()
        for op in reversed(self.ops):
            result = op.results[0]
            if op.name != "npu.reshape" or (result in host and result not in self.refusals):
                continue
            source = op.operands[0]
            made_here = not isinstance(source.owner, ir.Block) and source.owner.name not in _DATA and source not in host
            if made_here and uses(source) == 1 and all(reader.results[0] in host | found for reader in _readers(result)):
                found.add(result)
        return found

    def _edges(self, host: set[ir.Value]) -> set[ir.Value]:
        """The results of host ops with no NPU op before them, or none behind them."""
        after: set[ir.Value] = set()
        for op in self.ops:
            if op.results[0] not in host or any(value in after for value in op.operands):
                after.add(op.results[0])
        before: set[ir.Value] = set()
        for op in reversed(self.ops):
            if op.results[0] not in host or any(reader.results[0] in before for reader in _readers(op.results[0])):
                before.add(op.results[0])
        return host - (after & before)


def _refused_in_the_middle(op: ir.Operation, reason: Refusal) -> UnsupportedOp:
    return refusal(
        op, UnsupportedOp, f"'{_source_name(op) or op.name}' cannot run on the NPU, and falling back to the host is switched off", rule=reason.rule,
        found=reason.found, wanted=reason.wanted,
        advice="allow the fallback, replace the layer by one that `npuc ops` lists, or move it to the beginning or the end of the model",
    )  # fmt: skip


def _check_known(ops: list[ir.Operation]) -> None:
    """Raises UnsupportedOp for what is no op of npuc.ops, by the name that the user knows."""
    unknown = [op for op in ops if spec_class(op) is None]
    if not unknown:
        return
    op = min(unknown, key=lambda one: (one.name in _AROUND, not layer_name(one)))
    name = _source_name(op) or (f"{op.name} {from_attr(op.attributes['kind'])}" if op.name == "npu.float_op" else op.name)
    near = difflib.get_close_matches(name.rpartition(".")[2].rpartition(" ")[2], [*all_ops(), *FUNCTIONS], 3, 0.7)
    raise refusal(
        op, UnsupportedOp, f"'{name}' is no op of npuc: neither the NPU nor the host can run it",
        rule="every layer is raised to an op of npuc before it is placed", found=_described(op),
        wanted=f"a layer that becomes ops which `npuc ops` lists{', such as ' + ', '.join(near) if near else ''}",
        advice="quantize the layer, replace it by supported ones, or leave it out of the network and compute it outside",
    )  # fmt: skip


def _source_name(op: ir.Operation) -> str:
    """What the frontend calls the op ("aten.sort.default"), "" where it does not say."""
    names = location_names(op.location)
    return names[1] if len(names) > 1 else ""


def _described(op: ir.Operation) -> str:
    """An op with what it computes and its types: "linalg.generic of arith.addf: 1x8xf32, 1x8xf32 -> 1x8xf32"."""
    inner = []
    if len(op.regions) and len(op.regions[0].blocks):
        inner = [one.operation.name for one in op.regions[0].blocks[0].operations]
    inner = [name for name in dict.fromkeys(inner) if not name.endswith(".yield")]
    if op.name == "npu.float_op":
        inner = [from_attr(op.attributes["kind"])]
    types = ", ".join(_shape(value) for value in op.operands)
    results = ", ".join(_shape(value) for value in op.results)
    return f"{op.name}{' of ' + ', '.join(inner) if inner else ''}: {types + ' -> ' if types else ''}{results}"


def _shape(value: ir.Value) -> str:
    return str(value.type).removeprefix("tensor<").removesuffix(">")


def _refusals(op: ir.Operation, target: Target) -> Iterator[Refusal]:
    spec = spec_of(op)
    yield from spec.limits(target)
    for dtype in (tensor.dtype for tensor in spec.inputs if spec.is_view and tensor.dtype not in target.element_types):
        yield Refusal(f"element types of {spec.name}", dtype, " or ".join(target.element_types))
    params = [constant_value(op.operands[i]) for i in spec.param_operands]
    for index, array in zip(spec.param_operands, params, strict=True):
        if array is None:
            yield Refusal(
                f"{spec.operand_names[index]} of {spec.name} are known at compile time", "a value computed at run time", "a constant"
            )
            return
    # only ops with parameters whose values matter have it
    with_params = getattr(spec, "limits_with_params", None)
    if with_params is not None:
        yield from with_params(target, *params)


def _beside(ops: list[ir.Operation], refused: set[ir.Value]) -> set[ir.Value]:
    """Of host candidates in program order: the refused ones, and the layout changes that hang together with one of them."""
    members = {op.results[0] for op in ops if op.results[0] in refused}
    for op in ops:
        if any(value in members for value in op.operands):
            members.add(op.results[0])
    for op in reversed(ops):
        if any(reader.results[0] in members for reader in _readers(op.results[0])):
            members.add(op.results[0])
    return members


def _readers(value: ir.Value) -> list[ir.Operation]:
    """The ops that read `value`, returns left out."""
    return [use.owner.operation for use in value.uses if use.owner.operation.name != "func.return"]


def _words(reason: Refusal) -> str:
    return f"{reason.rule}: found {reason.found}, wanted {reason.wanted}" if reason.found else reason.rule


def host_ops(module: ir.Module) -> list[tuple[str, str, str]]:
    """(layer, op, reason) of every op that npu-partition put on the host, in order."""
    found = []
    for function in functions(module):
        for view in function.operation.regions[0].blocks[0].operations:
            op = view.operation
            if REASON_ATTRIBUTE in op.attributes:
                found.append((layer_name(op), op.name, ir.StringAttr(op.attributes[REASON_ATTRIBUTE]).value))
    return found
