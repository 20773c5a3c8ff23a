# SPDX-License-Identifier: Apache-2.0
"""Runs a module: `npu` by the references of its ops, whole or tiled; `npu_cmd` by encoding and simulating.

Values are numpy arrays. Tiled form needs no more than tensor.empty, extract_slice, insert_slice and npu.group beside the ops.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import spec_class, spec_of, tensor_type
from npuc.dialects.npu.ops.constant import constant_array
from npuc.dialects.npu_cmd.ops.segment import read_segment_op
from npuc.errors import InputMismatch, InternalError, NpucError, UserInputError
from npuc.isa.base import Command, Space
from npuc.isa.encoding import decode, encode
from npuc.ops.base import NUMPY_DTYPES, TensorType
from npuc.passes.base import functions, layer_name, operations, target_of, uses
from npuc.sim import engines, machine
from npuc.targets.base import Target

# Called after every op with its results, and after every command with what it wrote. An array may be overwritten by a later
# insert_slice: digest it at once, do not keep it.
Observer = Callable[[ir.Operation, list[np.ndarray]], None]

_DYNAMIC = -(1 << 63)


def run(
    module: ir.Module, inputs: Sequence[np.ndarray], *, function: str | None = None, observe: Observer | None = None
) -> list[np.ndarray]:
    """The results of `function` (the module's only one, or `main`) on `inputs`.

    Args:
        inputs: one array an argument, of its shape and dtype.
        observe: sees the results of every op and command as they are made.

    Raises:
        InputMismatch: count, shape or dtype of the inputs.
        UserInputError: no such function.
        InternalError: an operation that has no meaning here; `unknown(module)` tells beforehand.
    """
    func = entry(module, function)
    block = func.operation.regions[0].blocks[0]
    _check_inputs([argument_type(argument) for argument in block.arguments], inputs)
    frame = _Frame(observe)
    for argument, array in zip(block.arguments, inputs, strict=True):
        frame.values[argument] = np.asarray(array)
    return [np.array(value) for value in frame.run(block)]


def unknown(module: ir.Module) -> tuple[str, ...]:
    """Names of the operations that `run` cannot run, sorted; empty where it can run everything."""
    names = {}
    for op in operations(module):
        if op.name not in names and not op.name.startswith(_INSTRUCTIONS):
            names[op.name] = op.name in _FRAME_OPS or op.name in _RULES or spec_class(op) is not None
    return tuple(sorted(name for name, known in names.items() if not known))


def entry(module: ir.Module, function: str | None = None) -> Any:
    """The function called `function`; without a name the only one, or `main`.

    Raises:
        UserInputError: no such function.
    """
    found = {ir.StringAttr(func.operation.attributes["sym_name"]).value: func for func in functions(module)}
    if function is None and len(found) == 1:
        return next(iter(found.values()))
    name = "main" if function is None else function
    if name not in found:
        raise UserInputError(f"the module has no function '{name}'", wanted=", ".join(sorted(found)) or "at least one function")
    return found[name]


def input_types(module: ir.Module, function: str | None = None) -> list[TensorType]:
    """Types of the arguments."""
    return [argument_type(argument) for argument in entry(module, function).operation.regions[0].blocks[0].arguments]


def argument_type(value: ir.Value) -> TensorType:
    """The type of an argument.

    Raises:
        InternalError: it is no tensor of static shape.
    """
    try:
        return tensor_type(value.type)
    except ValueError as error:
        raise InternalError(f"an argument of the function {error}") from None


def _check_inputs(types: list[TensorType], inputs: Sequence[np.ndarray]) -> None:
    if len(inputs) != len(types):
        raise InputMismatch("the number of inputs is wrong", found=len(inputs), wanted=len(types))
    for index, (wanted, array) in enumerate(zip(types, inputs, strict=True)):
        found = np.asarray(array)
        if tuple(found.shape) != wanted.shape or found.dtype != NUMPY_DTYPES[wanted.dtype]:
            raise InputMismatch(f"input {index} does not fit", found=f"{found.dtype} {list(found.shape)}", wanted=str(wanted))


# one function --------------------------------------------------------------------------------------


@dataclass
class _Frame:
    """Values while a function runs.

    Attributes:
        own: values whose array nobody else sees, so that an insert_slice that is their only reader may write into it.
    """

    observe: Observer | None
    values: dict[ir.Value, np.ndarray] = field(default_factory=dict)
    own: set[ir.Value] = field(default_factory=set)

    def run(self, block: ir.Block) -> list[np.ndarray]:
        """Runs a block; the operands of its terminator."""
        for view in block.operations:
            op = view.operation
            if op.name in _TERMINATORS:
                return [self.values[value] for value in op.operands]
            results = self._one(op)
            for value, array in zip(op.results, results, strict=True):
                self.values[value] = array
            if self.observe is not None and not any(isinstance(result, tuple) for result in results):
                self.observe(op, results)
        raise InternalError("a block without a terminator that is known here")

    def _one(self, op: ir.Operation) -> list[np.ndarray]:
        rule = _RULES.get(op.name)
        try:
            if rule is not None:
                return rule(self, op)
            return [_reference(op, [self.values[value] for value in op.operands])]
        except NpucError:
            raise
        except (ValueError, TypeError, NotImplementedError) as error:
            raise InternalError(f"'{op.name}' cannot be run: {error}", layer=layer_name(op)) from error


def _reference(op: ir.Operation, inputs: list[np.ndarray]) -> np.ndarray:
    spec = spec_of(op)
    result = np.asarray(spec.reference(*inputs))
    wanted = np.dtype(NUMPY_DTYPES[spec.output.dtype])
    if result.shape != spec.output.shape or result.dtype != wanted:
        raise InternalError(
            f"the reference of '{op.name}' gives another type",
            layer=layer_name(op),
            found=f"{result.dtype} {result.shape}",
            wanted=spec.output,
        )
    return result


def _constant(frame: _Frame, op: ir.Operation) -> list[np.ndarray]:
    return [constant_array(op)]


def _arith_constant(frame: _Frame, op: ir.Operation) -> list[np.ndarray]:
    value = op.attributes["value"]
    if not isinstance(value, ir.DenseElementsAttr):
        raise ValueError(f"value is {value}, wanted dense<...>")
    return [np.asarray(value)]


def _copy(frame: _Frame, op: ir.Operation) -> list[np.ndarray]:
    return [frame.values[value] for value in op.operands]


def _group(frame: _Frame, op: ir.Operation) -> list[np.ndarray]:
    return frame.run(op.regions[0].blocks[0])


def _cast(frame: _Frame, op: ir.Operation) -> list[Any]:
    """A group's values leave it as one tuple."""
    if isinstance(op.results[0].type, ir.TupleType):
        return [tuple(frame.values[value] for value in op.operands)]
    return list(frame.values[op.operands[0]])


def _segment(frame: _Frame, op: ir.Operation) -> list[Any]:
    """Encode the commands, decode them again as the runtime would, and simulate."""
    segment = read_segment_op(op)
    target = _target_above(op)
    sizes = {Space.SRAM: segment.sram_bytes, Space.DRAM: segment.dram_bytes}
    names = sorted({command.location for command in segment.commands})
    commands = decode(encode(segment.commands, target.queue_names, names), target.queue_names, names, target, sizes)
    memory = machine.memories(segment.sram_bytes, segment.dram_bytes, segment.constants)
    for array, offset in zip(frame.values[op.operands[0]], segment.input_offsets, strict=True):
        raw = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        memory[segment.edge_memory][offset : offset + len(raw)] = raw
    machine.run(commands, memory, engines.get(), watch=_watch(frame.observe, op, memory))
    results = []
    bundle = op.results[0].type
    for index, offset in enumerate(segment.output_offsets):
        kind = tensor_type(bundle.get_type(index))
        raw = memory[segment.edge_memory][offset : offset + kind.bytes]
        results.append(np.frombuffer(raw.tobytes(), NUMPY_DTYPES[kind.dtype]).reshape(kind.shape))
    return [tuple(results)]


def _watch(observe: Observer | None, segment: ir.Operation, memory: machine.Memories) -> Callable[[int, Command], None] | None:
    """Shows the observer what each command wrote, as results of its op."""
    if observe is None:
        return None
    ops = [view.operation for view in segment.regions[0].blocks[0].operations]

    def watch(number: int, command: Command) -> None:
        observe(ops[number], [view.read(memory[view.space]) for view in command.instruction.writes()])

    return watch


def _target_above(op: ir.Operation) -> Target:
    """The machine that the module around `op` names."""
    top = op
    while top.parent is not None:
        top = top.parent.operation
    return target_of(top)


def _empty(frame: _Frame, op: ir.Operation) -> list[np.ndarray]:
    kind = tensor_type(op.results[0].type)
    frame.own.add(op.results[0])
    # zeros: what nobody writes is the same in every run, and shows as a difference from what should stand there
    return [np.zeros(kind.shape, NUMPY_DTYPES[kind.dtype])]


def _slices(op: ir.Operation) -> tuple[slice, ...]:
    offsets, sizes, strides = (
        tuple(ir.DenseI64ArrayAttr(op.attributes[name])) for name in ("static_offsets", "static_sizes", "static_strides")
    )
    if _DYNAMIC in (*offsets, *sizes, *strides):
        raise ValueError("has offsets, sizes or strides that are not static")
    return tuple(slice(o, o + (n - 1) * s + 1, s) for o, n, s in zip(offsets, sizes, strides, strict=True))


def _extract_slice(frame: _Frame, op: ir.Operation) -> list[np.ndarray]:
    part = frame.values[op.operands[0]][_slices(op)]
    return [part.reshape(tensor_type(op.results[0].type).shape)]


def _insert_slice(frame: _Frame, op: ir.Operation) -> list[np.ndarray]:
    source, destination = op.operands[0], op.operands[1]
    array = frame.values[destination]
    if destination not in frame.own or uses(destination) != 1:
        array = array.copy()
    frame.own.add(op.results[0])
    part = array[_slices(op)]
    part[...] = frame.values[source].reshape(part.shape)
    return [array]


def _reshape(frame: _Frame, op: ir.Operation) -> list[np.ndarray]:
    return [frame.values[op.operands[0]].reshape(tensor_type(op.results[0].type).shape)]


_TERMINATORS = ("func.return", "npu.yield")
# inside a segment, which runs them all
_INSTRUCTIONS = "npu_cmd."
_FRAME_OPS = ("builtin.module", "func.func", *_TERMINATORS)
_RULES: dict[str, Callable[[_Frame, ir.Operation], list[np.ndarray]]] = {
    "arith.constant": _arith_constant,
    "builtin.unrealized_conversion_cast": _cast,
    "npu.constant": _constant,
    "npu_cmd.segment": _segment,
    "npu.copy": _copy,
    "npu.group": _group,
    "tensor.collapse_shape": _reshape,
    "tensor.empty": _empty,
    "tensor.expand_shape": _reshape,
    "tensor.extract_slice": _extract_slice,
    "tensor.insert_slice": _insert_slice,
}
