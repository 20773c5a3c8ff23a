# SPDX-License-Identifier: Apache-2.0
"""Marks each op with the device that runs it: `npu.device = "npu"` or `"host"`, and on the host `npu.reason`.

An op goes to the host where the target refuses it (`limits` and `limits_with_params` of the op's own file; the reason is the rule,
what was found and what was wanted), or where it only changes the layout beside such an op. Host ops stand at the program's edges:
before the first NPU op (quantize, layout changes of the input) or after the last (dequantize, float heads, argmax), and read no
constants, which a program keeps for the NPU alone. An op elsewhere that the target refuses, and any op that is not of npuc.ops, is an
UnsupportedOp.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch_mlir import ir

from npuc.dialects.attrs import to_attr
from npuc.dialects.base import spec_class, spec_of
from npuc.errors import UnsupportedOp
from npuc.ops.base import Refusal
from npuc.passes.base import Pass, constant_value, defining, functions, layer_name, refusal, target_of
from npuc.targets.base import Target

DEVICE_ATTRIBUTE = "npu.device"
REASON_ATTRIBUTE = "npu.reason"

# Neither computes anything nor is placed anywhere.
_DATA = ("npu.constant",)
# Beside a host op, at the program's edge, these save a round trip.
_LAYOUT = ("npu.transpose", "npu.reshape")


@dataclass(frozen=True)
class NpuPartition(Pass):
    """Raises UnsupportedOp, naming the layer, the rule, what was found and what was wanted."""

    def run(self, module: ir.Module) -> None:
        target = target_of(module)
        for function in functions(module):
            _partition(function.operation.regions[0].blocks[0], target)


def _partition(block: ir.Block, target: Target) -> None:
    ops = [view.operation for view in block.operations if view.operation.name not in ("func.return", *_DATA)]
    for op in ops:
        _check_known(op)
    refused = {op.results[0]: next(_refusals(op, target), None) for op in ops}
    before = _before(ops, refused)
    after = _after(ops, refused, before)
    for op in ops:
        result = op.results[0]
        reason = refused[result]
        if result in before or result in after:
            _mark(op, "host", _words(reason) if reason else "layout at the program's edge")
        elif reason is None:
            _mark(op, "npu")
        else:
            raise refusal(
                op, UnsupportedOp, f"'{op.name}' cannot run on the NPU, and not on the host where it stands", rule=reason.rule, found=reason.found,
                wanted=reason.wanted, advice="replace the layer by one that `npuc ops` lists, or move it to the beginning or the end of the model",
            )  # fmt: skip


def _check_known(op: ir.Operation) -> None:
    if spec_class(op) is not None:
        return
    raise refusal(
        op, UnsupportedOp, f"'{op.name}' is no op of npuc", rule="every layer is raised to an op of npuc before it is placed", found=op.name,
        wanted="one of the ops that `npuc ops` lists", advice="quantize the layer, or replace it by supported ones",
    )  # fmt: skip


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


def _before(ops: list[ir.Operation], refused: dict[ir.Value, Refusal | None]) -> set[ir.Value]:
    """Results of host ops that depend on arguments and one another alone."""
    reachable: list[ir.Operation] = []
    results: set[ir.Value] = set()
    for op in ops:
        outside = all(isinstance(value.owner, ir.Block) or value in results for value in op.operands)
        if outside and (refused[op.results[0]] or op.name in _LAYOUT):
            reachable.append(op)
            results.add(op.results[0])
    return _beside_refused(reachable, refused)


def _after(ops: list[ir.Operation], refused: dict[ir.Value, Refusal | None], before: set[ir.Value]) -> set[ir.Value]:
    """Results of host ops that only returns and one another read."""
    reachable: list[ir.Operation] = []
    results: set[ir.Value] = set()
    for op in reversed(ops):
        result = op.results[0]
        inside = all(reader.results[0] in results for reader in _readers(result))
        constants = any(defining(value, *_DATA) is not None for value in op.operands)
        if inside and not constants and result not in before and (refused[result] or op.name in _LAYOUT):
            reachable.append(op)
            results.add(result)
    return _beside_refused(reachable[::-1], refused)


def _beside_refused(ops: list[ir.Operation], refused: dict[ir.Value, Refusal | None]) -> set[ir.Value]:
    """Of host candidates in program order: the refused ones, and the layout changes that hang together with one of them."""
    members = {op.results[0] for op in ops if refused[op.results[0]]}
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
    return f"{reason.rule}: {reason.found}, wanted {reason.wanted}"


def _mark(op: ir.Operation, device: str, reason: str = "") -> None:
    op.attributes[DEVICE_ATTRIBUTE] = to_attr(device)
    if reason:
        op.attributes[REASON_ATTRIBUTE] = to_attr(reason)


def host_ops(module: ir.Module) -> list[tuple[str, str, str]]:
    """(layer, op, reason) of every op that npu-partition put on the host, in order."""
    found = []
    for function in functions(module):
        for view in function.operation.regions[0].blocks[0].operations:
            op = view.operation
            if REASON_ATTRIBUTE in op.attributes:
                found.append((layer_name(op), op.name, ir.StringAttr(op.attributes[REASON_ATTRIBUTE]).value))
    return found
