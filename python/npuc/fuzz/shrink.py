# SPDX-License-Identifier: Apache-2.0
"""Makes a failing module small: fewer results, fewer ops, smaller shapes, as long as it fails in the same way (delta debugging).

What is cut off becomes an argument, so a module of any level can be cut. Shapes shrink where all ops are npu ops: each is inferred
anew from smaller arguments.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from torch_mlir import ir

from npuc import dialects
from npuc.dialects.base import build, mlir_type, spec_class, spec_of, tensor_type
from npuc.dialects.npu.ops.constant import build_constant, constant_array
from npuc.ops import all_ops
from npuc.ops.base import OpSpec, TensorType
from npuc.passes.base import functions

Holds = Callable[[str], bool]

# Checks that one failure may cost.
BUDGET = 300
_CONSTANTS = ("npu.constant", "tosa.const", "tosa.const_shape", "arith.constant")


def shrink(text: str, holds: Holds, budget: int = BUDGET) -> str:
    """A module as small as it gets for which `holds` is true; `text` itself where nothing can go.

    Args:
        text: a module with one function.
        holds: whether a module fails as the first one does.
        budget: most calls of `holds`.
    """
    left = [budget]

    def better(candidates: Iterator[str]) -> str | None:
        for candidate in candidates:
            if left[0] <= 0:
                return None
            left[0] -= 1
            if holds(candidate):
                return candidate
        return None

    while True:
        found = better(_smaller(text))
        if found is None:
            return text
        text = found


def _smaller(text: str) -> Iterator[str]:
    """Modules that are smaller than `text` by one step, the largest steps first."""
    yield from _truncated(text)
    yield from _without_ops(text)
    yield from _with_smaller_shapes(text)


# ops -----------------------------------------------------------------------------------------------


class _Body:
    """The one function of a module, parsed from its text; the context is entered."""

    def __init__(self, text: str):
        self.module = ir.Module.parse(text)
        (self.function,) = (view.operation for view in functions(self.module))
        self.block = self.function.regions[0].blocks[0]

    @property
    def ops(self) -> list[ir.Operation]:
        """Everything that computes, in order."""
        return [view.operation for view in self.block.operations if view.operation.name not in ("func.return", *_CONSTANTS)]

    @property
    def last(self) -> ir.Operation:
        return self.block.operations[len(self.block.operations) - 1].operation

    def returns(self, values: Sequence[ir.Value]) -> None:
        """These are the results from now on."""
        old = self.last
        with ir.InsertionPoint(old), old.location:
            ir.Operation.create("func.return", operands=list(values))
        old.erase()

    def text(self) -> str:
        """The module without what nobody reads."""
        for view in reversed(list(self.block.operations)):
            op = view.operation
            if op.name != "func.return" and not any(list(result.uses) for result in op.results):
                op.erase()
        for index in reversed(range(len(self.block.arguments))):
            if not list(self.block.arguments[index].uses):
                self.block.erase_argument(index)
        kinds = ir.FunctionType.get([value.type for value in self.block.arguments], [value.type for value in self.last.operands])
        self.function.attributes["function_type"] = ir.TypeAttr.get(kinds)
        # what they say of arguments and results is no longer true
        for name in ("arg_attrs", "res_attrs"):
            if name in self.function.attributes:
                del self.function.attributes[name]
        return self.module.operation.get_asm(enable_debug_info=True)


def _edited(text: str, edit: Callable[[_Body], object]) -> str:
    with dialects.new_context(), ir.Location.unknown():
        body = _Body(text)
        edit(body)
        return body.text()


def _count(text: str) -> tuple[int, int]:
    """Ops and results."""
    with dialects.new_context(), ir.Location.unknown():
        body = _Body(text)
        return len(body.ops), len(body.last.operands)


def _truncated(text: str) -> Iterator[str]:
    """One result alone: that of each op in turn, the first op first; then half of the results."""
    ops, results = _count(text)
    for index in range(ops):

        def cut(body: _Body, index: int = index) -> None:
            body.returns(body.ops[index].results)

        if index < ops - 1 or results > 1:
            yield _edited(text, cut)
    for size in {results // 2} - {0}:
        yield _edited(text, lambda body, size=size: body.returns(list(body.last.operands)[:size]))
        yield _edited(text, lambda body, size=size: body.returns(list(body.last.operands)[size:]))


def _without_ops(text: str) -> Iterator[str]:
    """Runs of ops gone, half of them first, their results arguments instead."""
    ops, _ = _count(text)
    size = ops // 2
    while size:
        for start in range(0, ops, size):

            def drop(body: _Body, start: int = start, size: int = size) -> None:
                for op in body.ops[start : start + size]:
                    for result in op.results:
                        result.replace_all_uses_with(body.block.add_argument(result.type, op.location))

            candidate = _edited(text, drop)
            if _count(candidate)[0]:
                yield candidate
        size //= 2


# shapes --------------------------------------------------------------------------------------------


def _with_smaller_shapes(text: str) -> Iterator[str]:
    """One extent of one argument, or the output channels of one convolution, 1 or half of what it was."""
    with dialects.new_context(), ir.Location.unknown():
        body = _Body(text)
        if any(spec_class(op) is None for op in body.ops):
            return
        shapes = [tensor_type(argument.type).shape for argument in body.block.arguments]
        channels = [_out_channels(spec_of(op)) for op in body.ops]
    for index, shape in enumerate(shapes):
        for dimension, extent in enumerate(shape):
            for less in dict.fromkeys((1, extent // 2, extent - 1)):
                if 0 < less < extent:
                    smaller = (*shape[:dimension], less, *shape[dimension + 1 :])
                    candidate = _reshaped(text, {index: smaller}, {})
                    if candidate is not None:
                        yield candidate
    for index, count in enumerate(channels):
        for less in dict.fromkeys((1, count // 2)):
            if 0 < less < count:
                candidate = _reshaped(text, {}, {index: less})
                if candidate is not None:
                    yield candidate


def _out_channels(spec: OpSpec) -> int:
    """How many filters an op with filters has, 0 for any other."""
    return spec.inputs[1].shape[0] if spec.name in ("conv2d", "fully_connected") and getattr(spec, "groups", 1) == 1 else 0


def _reshaped(text: str, shapes: dict[int, tuple[int, ...]], channels: dict[int, int]) -> str | None:
    """The module on arguments of other shapes, every op inferred anew; None where that does not work out."""
    with dialects.new_context(), ir.Location.unknown():
        body = _Body(text)
        values: dict[ir.Value, ir.Value] = {}
        for index, argument in enumerate(list(body.block.arguments)):
            kind = tensor_type(argument.type)
            values[argument] = body.block.add_argument(mlir_type(replace(kind, shape=shapes.get(index, kind.shape))), argument.location)
        ops = body.ops
        with ir.InsertionPoint(body.last):
            try:
                for index, op in enumerate(ops):
                    operands = [values.get(value, value) for value in op.operands]
                    values[op.results[0]] = _rebuilt(op, operands, channels.get(index, 0))
            except ValueError:
                return None
        body.returns([values.get(value, value) for value in body.last.operands])
        return body.text()


def _rebuilt(op: ir.Operation, operands: list[ir.Value], channels: int) -> ir.Value:
    """The op on other operands, constants cut to what goes with them.

    Raises:
        ValueError: there is no such op.
    """
    spec = spec_of(op)
    params = {item.name: getattr(spec, item.name) for item in spec.params()}
    types = [tensor_type(value.type) for value in operands]
    if spec.name in ("conv2d", "fully_connected") and (channels or types[0] != spec.inputs[0]):
        out = channels or types[1].shape[0]
        weights, bias = (constant_array(value.owner.operation) for value in operands[1:])
        depth = types[0].shape[-1] // params.get("groups", 1)
        operands[1:] = [_constant(op, weights[:out, ..., :depth]), _constant(op, bias[:out])]
        params["rescale"] = params["rescale"].channels(0, out)
    if spec.name == "depthwise_conv2d" and types[0] != spec.inputs[0]:
        out = types[0].shape[3] * (spec.inputs[1].shape[2] // spec.inputs[0].shape[3])
        weights, bias = (constant_array(value.owner.operation) for value in operands[1:])
        operands[1:] = [_constant(op, weights[..., :out]), _constant(op, bias[:out])]
        params["rescale"] = params["rescale"].channels(0, out)
    output = spec.output
    if spec.name == "reshape" and types[0].shape != spec.inputs[0].shape:
        output = TensorType((types[0].elements,), output.dtype)
    made = all_ops()[spec.name].of(*(tensor_type(value.type) for value in operands), output=output, **params)
    return build(made, operands, loc=op.location)


def _constant(op: ir.Operation, array: np.ndarray) -> ir.Value:
    return build_constant(np.array(array, order="C"), loc=op.location)
