# SPDX-License-Identifier: Apache-2.0
"""Linalg that stayed in floating point becomes ops of the host, one for each scalar op of a body.

    linalg.generic over parallel loops     float_unary, float_binary, float_compare, select on tensors that broadcast
    linalg.generic with reduction loops    the same for what is reduced, then float_reduce
    linalg.matmul, linalg.batch_matmul     float_matmul
    the greatest value and where it is     float_reduce, argmax
    elements by numbers known beforehand   gather
    data movement                          reshape, transpose, slice, concat, broadcast

f64, which torch-mlir uses inside of some layers, is computed in f32. What has no such form stays as it is, to be refused by name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import spec_class, spec_of, tensor_type
from npuc.dialects.npu.ops.constant import build_constant
from npuc.ops.base import NUMPY_DTYPES, TensorType
from npuc.passes.base import functions
from npuc.passes.convert_linalg_to_npu._match import attribute, constant, make, padding, reshape, transpose

Operand = ir.Value | np.ndarray

_UNARY = {
    "math.absf": "abs", "math.ceil": "ceil", "math.cos": "cos", "math.erf": "erf", "math.exp": "exp", "math.expm1": "expm1",
    "math.atan": "atan", "math.floor": "floor", "math.log": "log", "math.log1p": "log1p", "math.log2": "log2", "arith.negf": "neg", "math.roundeven": "round",
    "math.rsqrt": "rsqrt", "math.sin": "sin", "math.sqrt": "sqrt", "math.tanh": "tanh", "math.trunc": "trunc",
}  # fmt: skip
_BINARY = {
    "arith.addf": "add", "arith.subf": "sub", "arith.mulf": "mul", "arith.divf": "div", "math.powf": "pow", "arith.maximumf": "maximum",
    "arith.minimumf": "minimum",
}  # fmt: skip
_LOGIC = {"arith.andi": "logical_and", "arith.ori": "logical_or", "arith.xori": "logical_xor"}
# arith.cmpf's predicates, ordered ones first
_COMPARISONS = ("equal", "greater", "greater_equal", "less", "less_equal", "not_equal")
_FIRST_ORDERED, _FIRST_UNORDERED = 1, 8
# the last op of a reduction -> (kind, op that adds a start value, the start value that changes nothing)
_REDUCTIONS = {
    "arith.addf": ("sum", "add", 0.0), "arith.mulf": ("prod", "mul", 1.0), "arith.maximumf": ("max", "maximum", -np.inf),
    "arith.minimumf": ("min", "minimum", np.inf),
}  # fmt: skip


def raise_float(module: ir.Module) -> None:
    """Replace float linalg of every function by ops of the host, as far as it has such a form."""
    for function in functions(module):
        _Raiser().run(function.operation.regions[0].blocks[0])


class _NoForm(Exception):
    """An op has no form on the host; it stays as it is."""


@dataclass
class _Raiser:
    """Walks a function in program order.

    Attributes:
        made: value of the float form -> the value that stands for it, or the array where it depends on no input.
    """

    made: dict[ir.Value, Operand] = field(default_factory=dict)

    def run(self, block: ir.Block) -> None:
        for op in [view.operation for view in block.operations]:
            if any(not isinstance(result.type, ir.RankedTensorType) for result in op.results):
                continue
            if len(op.results) == 1 and constant(op.results[0]) is not None:
                # whoever reads it takes the array
                continue
            try:
                with ir.InsertionPoint(op), op.location:
                    self._raise(op)
            except (_NoForm, ValueError):
                continue
        for old, new in self.made.items():
            if not list(old.uses):
                continue
            if isinstance(new, np.ndarray):
                if new.dtype != NUMPY_DTYPES.get(tensor_type(old.type).dtype) or new.dtype == np.int64:
                    continue
                with ir.InsertionPoint(old.owner), old.owner.location:
                    new = _array(new)
            if old.type == new.type:
                old.replace_all_uses_with(new)

    def _raise(self, op: ir.Operation) -> None:
        if spec_class(op) is not None:
            if op.operands and all(isinstance(self.made.get(value), np.ndarray) for value in op.operands):
                self.made[op.results[0]] = spec_of(op).reference(*(self.made[value] for value in op.operands))
        elif len(op.results) == 2:
            for result, value in zip(op.results, self.greatest(op), strict=True):
                if value is not None:
                    self.made[result] = value
        elif op.name in _RULES:
            self.made[op.results[0]] = _RULES[op.name](self, op)

    def array(self, value: ir.Value) -> np.ndarray | None:
        """What an operand is known to be, None where it depends on an input."""
        found = self.made.get(value)
        return found if isinstance(found, np.ndarray) else constant(value) if found is None else None

    # operands ----------------------------------------------------------------------------------

    def value(self, value: ir.Value) -> ir.Value:
        """What stands for an operand.

        Raises:
            _NoForm: nothing does.
        """
        found = self.array(value)
        if found is not None:
            return _array(found)
        if value in self.made:
            return _tensor(self.made[value])
        owner = value.owner
        if isinstance(owner, ir.Block) or spec_class(owner.operation) is not None:
            return value
        raise _NoForm

    def aligned(self, op: ir.Operation, index: int) -> Operand:
        """Operand `index` of a linalg.generic with one dimension a loop, extent 1 where the loop does not move it."""
        mapping = ir.AffineMapAttr(op.attributes["indexing_maps"][index]).value
        loops: list[int] = []
        kept: list[int] = []
        for axis, expression in enumerate(mapping.results):
            expression = expression.maybe_downcast()
            if isinstance(expression, ir.AffineDimExpr):
                loops.append(expression.position)
                kept.append(axis)
            elif not isinstance(expression, ir.AffineConstantExpr) or expression.value != 0:
                raise _NoForm
        if len(set(loops)) != len(loops):
            raise _NoForm
        value = op.operands[index]
        if not isinstance(value.type, ir.RankedTensorType):
            found = constant(value)
            if found is None:
                raise _NoForm
            return np.asarray(found).reshape((1,) * mapping.n_dims)
        extents = tensor_type(value.type).shape
        if any(extents[axis] != 1 for axis in range(len(extents)) if axis not in kept):
            raise _NoForm
        order = sorted(range(len(loops)), key=loops.__getitem__)
        shape = [1] * mapping.n_dims
        for axis, loop in zip(kept, loops, strict=True):
            shape[loop] = extents[axis]
        found = self.array(value)
        if found is not None:
            moved = found.reshape([extents[axis] for axis in kept]).transpose(order)
            return _least(moved.reshape(shape))
        squeezed = reshape(self.value(value), tuple(extents[axis] for axis in kept))
        return reshape(transpose(squeezed, tuple(order)), tuple(shape))

    # linalg.generic ----------------------------------------------------------------------------

    def generic(self, op: ir.Operation) -> Operand:
        """Raises _NoForm for several results, index arithmetic, or a body of unknown ops."""
        inputs = len(op.operands) - 1
        maps = [ir.AffineMapAttr(one).value for one in op.attributes["indexing_maps"]]
        block = op.regions[0].blocks[0]
        arguments = list(block.arguments)
        values = dict(zip(arguments[:-1], (self.aligned(op, index) for index in range(inputs)), strict=True))
        parallel = [str(kind) == "#linalg.iterator_type<parallel>" for kind in op.attributes["iterator_types"]]
        result = tensor_type(op.results[0].type).shape
        body = [item.operation for item in block.operations]
        yielded = body[-1].operands[0]
        if all(parallel):
            if [_position(one) for one in maps[-1].results] != list(range(len(result))):
                raise _NoForm
            found = self.body(body[:-1], values, yielded, result)
            return np.broadcast_to(found, result) if isinstance(found, np.ndarray) else _broadcast(found, result)
        last = yielded.owner
        if isinstance(last, ir.Block) or last.name not in _REDUCTIONS or last.operation != body[-2]:
            raise _NoForm
        kind, joined, neutral = _REDUCTIONS[last.name]
        sides = [value for value in last.operands if value != arguments[-1]]
        if len(sides) != 1:
            raise _NoForm
        loops = [position for position in (_position(one) for one in maps[-1].results) if position is not None]
        if loops != sorted(loops) or any(not parallel[position] for position in loops):
            raise _NoForm
        extents = _extents(op, maps)
        term = _broadcast(_tensor(self.body(body[:-2], values, sides[0], extents)), extents)
        axes = tuple(axis for axis, free in enumerate(parallel) if not free)
        reduced = reshape(make("float_reduce", [term], kind=kind, axes=axes), result)
        start = constant(op.operands[inputs])
        if start is None:
            raise _NoForm
        # the least finite number stands for minus infinity in some lowerings
        if (start == neutral).all() or (np.isinf(neutral) and (np.abs(start) >= np.finfo(np.float32).max).all()):
            return reduced
        return make("float_binary", [reduced, _array(_least(np.asarray(start)))], kind=joined)

    def body(self, ops: list[ir.Operation], values: dict[ir.Value, Operand], wanted: ir.Value, extents: tuple[int, ...]) -> Operand:
        """The value of `wanted` in the body of a linalg.generic whose arguments are `values` and whose loops run over `extents`."""
        found = dict(values)

        def operand(value: ir.Value) -> Operand:
            if value in found:
                return found[value]
            number = constant(value)
            if number is None:
                raise _NoForm
            return np.asarray(number).reshape((1,) * len(extents))

        for op in ops:
            if op.name == "arith.constant":
                continue
            if op.name == "linalg.index":
                loop = ir.IntegerAttr(op.attributes["dim"]).value
                shape = [extent if axis == loop else 1 for axis, extent in enumerate(extents)]
                found[op.results[0]] = np.arange(extents[loop]).reshape(shape)
            elif op.name == "tensor.extract":
                found[op.results[0]] = self.gathered(op.operands[0], [operand(value) for value in list(op.operands)[1:]])
            else:
                found[op.results[0]] = _scalar(op, [operand(value) for value in op.operands])
        return operand(wanted)

    def gathered(self, source: ir.Value, positions: list[Operand]) -> Operand:
        """source[positions], positions known beforehand."""
        known = [position for position in positions if isinstance(position, np.ndarray)]
        shape = tensor_type(source.type).shape
        if len(known) != len(positions) or not known:
            raise _NoForm
        flat = np.ravel_multi_index(tuple(np.broadcast_arrays(*(position.astype(np.int64) for position in known))), shape)
        array = self.array(source)
        if array is not None:
            return array.reshape(-1)[flat]
        line = reshape(self.value(source), (int(np.prod(shape)),))
        return make("gather", [line, _array(flat.astype(np.int32))], axis=0, batch_dims=0)

    def greatest(self, op: ir.Operation) -> tuple[ir.Value, ir.Value | None]:
        """The greatest (least) value along one loop, and where it stands first; None for a place that nobody reads."""
        body = [item.operation for item in op.regions[0].blocks[0].operations] if op.name == "linalg.generic" else []
        names = [one.name for one in body]
        loops = [str(kind) for kind in op.attributes["iterator_types"]] if body else []
        free = [axis for axis, kind in enumerate(loops) if "reduction" in kind]
        kind = {"arith.maximumf": "max", "arith.minimumf": "min"}.get(names[2] if len(names) > 2 else "")
        wanted = ["linalg.index", "arith.index_cast", names[2] if len(names) > 2 else "", "arith.cmpf", "arith.select", "linalg.yield"]
        arguments = list(op.regions[0].blocks[0].arguments) if body else []
        if kind is None or names != wanted or len(free) != 1 or len(arguments) != 3 or set(body[2].operands) != set(arguments[:2]):
            raise _NoForm
        if ir.IntegerAttr(body[0].attributes["dim"]).value != free[0]:
            raise _NoForm
        term = _tensor(self.aligned(op, 0))
        reduced = reshape(make("float_reduce", [term], kind=kind, axes=(free[0],)), tensor_type(op.results[0].type).shape)
        place = tensor_type(op.results[1].type)
        if not list(op.results[1].uses):
            return reduced, None
        line = term if kind == "max" else make("float_unary", [term], kind="neg", arguments=())
        rank = len(tensor_type(line.type).shape)
        shape = tuple(extent for axis, extent in enumerate(tensor_type(line.type).shape) if axis != free[0] or rank == len(place.shape))
        return reduced, reshape(make("argmax", [line], TensorType(shape, place.dtype), axis=free[0], keepdims=rank == len(place.shape)), place.shape)

    # named ops ---------------------------------------------------------------------------------

    def matmul(self, op: ir.Operation) -> ir.Value:
        a, b = (self.value(value) for value in list(op.operands)[:2])
        start = constant(op.operands[2])
        if start is None or start.any():
            raise _NoForm
        return make("float_matmul", [a, b])

    def reshape(self, op: ir.Operation) -> Operand:
        known = self.array(op.operands[0])
        if known is not None:
            return known.reshape(tensor_type(op.results[0].type).shape)
        return reshape(self.value(op.operands[0]), tensor_type(op.results[0].type).shape)

    def transpose(self, op: ir.Operation) -> ir.Value:
        return transpose(self.value(op.operands[0]), tuple(op.attributes["permutation"]))

    def broadcast(self, op: ir.Operation) -> ir.Value:
        shape, added = tensor_type(op.results[0].type).shape, set(op.attributes["dimensions"])
        kept = tuple(1 if axis in added else extent for axis, extent in enumerate(shape))
        return _broadcast(reshape(self.value(op.operands[0]), kept), shape)

    def slice(self, op: ir.Operation) -> ir.Value:
        if len(op.operands) > 1:
            raise _NoForm
        starts, sizes, strides = (tuple(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
        value = make("slice", [self.value(op.operands[0])], starts=starts, sizes=sizes, strides=strides)
        return reshape(value, tensor_type(op.results[0].type).shape)

    def concat(self, op: ir.Operation) -> ir.Value:
        return make("concat", [self.value(value) for value in op.operands], axis=ir.IntegerAttr(op.attributes["dim"]).value)

    def pad(self, op: ir.Operation) -> ir.Value:
        found = padding(op)
        if found is None:
            raise _NoForm
        value = self.value(op.operands[0])
        for axis, (before, after) in enumerate(zip(found[0], found[1], strict=True)):
            shape = tensor_type(value.type).shape
            borders = [_array(np.full((*shape[:axis], size, *shape[axis + 1 :]), found[2], np.float32)) if size else None for size in (before, after)]
            parts = [part for part in (borders[0], value, borders[1]) if part is not None]
            value = make("concat", parts, axis=axis) if len(parts) > 1 else value
        return value

    def float_op(self, op: ir.Operation) -> ir.Value:
        """The reductions that the frontend keeps whole."""
        kind, params = attribute(op, "kind"), attribute(op, "params")
        value, shape = self.value(op.operands[0]), tensor_type(op.results[0].type).shape
        rank = len(tensor_type(value.type).shape)
        if kind == "adaptive_avg_pool2d" and shape[2:] == (1, 1):
            kind, params = "mean", {"axes": (2, 3)}
        if kind not in _KEPT:
            raise _NoForm
        named = params.get("axes")
        axes = range(rank) if named is None or named == [] or named == () else [named] if isinstance(named, int) else named
        reduced = make("float_reduce", [value], kind=_KEPT[kind], axes=tuple(sorted(axis % rank for axis in axes)))
        return reshape(reduced, shape)


_KEPT = {"mean": "mean", "sum": "sum", "amax": "max", "amin": "min"}
_RULES: dict[str, Callable[[_Raiser, ir.Operation], Operand]] = {
    "linalg.generic": _Raiser.generic,
    "linalg.matmul": _Raiser.matmul,
    "linalg.batch_matmul": _Raiser.matmul,
    "linalg.transpose": _Raiser.transpose,
    "linalg.broadcast": _Raiser.broadcast,
    "tensor.expand_shape": _Raiser.reshape,
    "tensor.collapse_shape": _Raiser.reshape,
    "tensor.cast": _Raiser.reshape,
    "tensor.extract_slice": _Raiser.slice,
    "tensor.concat": _Raiser.concat,
    "tensor.pad": _Raiser.pad,
    "npu.float_op": _Raiser.float_op,
}


def _position(expression: ir.AffineExpr) -> int | None:
    """The loop that a result of a map is, None for a constant."""
    expression = expression.maybe_downcast()
    return expression.position if isinstance(expression, ir.AffineDimExpr) else None


def _extents(op: ir.Operation, maps: list[ir.AffineMap]) -> tuple[int, ...]:
    """How often each loop runs."""
    found = [0] * maps[0].n_dims
    for value, one in zip(op.operands, maps, strict=True):
        if not isinstance(value.type, ir.RankedTensorType):
            continue
        for extent, expression in zip(tensor_type(value.type).shape, one.results, strict=True):
            position = _position(expression)
            if position is not None:
                found[position] = max(found[position], extent)
    return tuple(found)


# scalar ops on whole tensors -----------------------------------------------------------------------


def _scalar(op: ir.Operation, operands: list[Operand]) -> Operand:
    if op.name in ("arith.extf", "arith.truncf"):
        return operands[0]
    if op.name in _KNOWN and all(isinstance(operand, np.ndarray) for operand in operands):
        with np.errstate(all="ignore"):
            return np.asarray(_KNOWN[op.name](op, *operands))
    tensors = [_tensor(operand) for operand in operands]
    if op.name in _UNARY:
        return make("float_unary", tensors, kind=_UNARY[op.name], arguments=())
    if op.name in _BINARY:
        return make("float_binary", tensors, kind=_BINARY[op.name])
    if op.name in _LOGIC:
        return make("integer_binary", tensors, kind=_LOGIC[op.name])
    if op.name == "arith.select":
        return make("select", tensors)
    if op.name == "arith.cmpf":
        predicate = int(ir.IntegerAttr(op.attributes["predicate"]).value)
        unordered = predicate >= _FIRST_UNORDERED
        index = predicate - (_FIRST_UNORDERED if unordered else _FIRST_ORDERED)
        if not 0 <= index < len(_COMPARISONS):
            raise _NoForm
        return make("float_compare", tensors, kind=_COMPARISONS[index], unordered=unordered)
    if op.name == "arith.uitofp" and tensor_type(tensors[0].type).dtype == "i1":
        one = (1,) * len(tensor_type(tensors[0].type).shape)
        return make("select", [tensors[0], _array(np.ones(one, np.float32)), _array(np.zeros(one, np.float32))])
    if op.name == "arith.sitofp" and tensor_type(tensors[0].type).dtype in ("i8", "i16", "i32"):
        return make("dequantize", tensors, scale=1.0, zp=0)
    raise _NoForm


def _ordered(op: ir.Operation, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """arith.cmpi of signed numbers.

    Raises:
        _NoForm: of unsigned ones.
    """
    predicate = int(ir.IntegerAttr(op.attributes["predicate"]).value)
    if predicate >= len(_INTEGER_COMPARISONS):
        raise _NoForm
    return _INTEGER_COMPARISONS[predicate](a, b)


_INTEGER_COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
# scalar ops on numbers that are known: they say where an element is read
_KNOWN: dict[str, Callable[..., np.ndarray]] = {
    "arith.addf": lambda op, a, b: a + b,
    "arith.addi": lambda op, a, b: a + b,
    "arith.cmpi": _ordered,
    "arith.divf": lambda op, a, b: a / b,
    "arith.fptosi": lambda op, a: a.astype(np.int64),
    "arith.index_cast": lambda op, a: a,
    "arith.maximumf": lambda op, a, b: np.maximum(a, b),
    "arith.maxsi": lambda op, a, b: np.maximum(a, b),
    "arith.minimumf": lambda op, a, b: np.minimum(a, b),
    "arith.minsi": lambda op, a, b: np.minimum(a, b),
    "arith.mulf": lambda op, a, b: a * b,
    "arith.muli": lambda op, a, b: a * b,
    "arith.select": lambda op, condition, a, b: np.where(condition, a, b),
    "arith.sitofp": lambda op, a: a.astype(np.float32),
    "arith.subf": lambda op, a, b: a - b,
    "arith.subi": lambda op, a, b: a - b,
    "math.ceil": lambda op, a: np.ceil(a),
    "math.floor": lambda op, a: np.floor(a),
}


def _tensor(operand: Operand) -> ir.Value:
    return _array(operand) if isinstance(operand, np.ndarray) else operand


def _array(array: np.ndarray) -> ir.Value:
    return build_constant(np.array(_real(array), order="C"))


def _real(array: np.ndarray) -> np.ndarray:
    """f64 as f32, other types of the host's ops as they are.

    Raises:
        _NoForm: a type that the host's float ops do not take.
    """
    if array.dtype == np.float64:
        return array.astype(np.float32)
    if array.dtype not in (np.float32, np.bool_, np.int8, np.int16, np.int32):
        raise _NoForm
    return array


def _least(array: np.ndarray) -> np.ndarray:
    """One element along dimensions that only repeat it."""
    for axis in range(array.ndim):
        first = array.take([0], axis)
        if array.shape[axis] > 1 and (array == first).all():
            array = first
    return array


def _broadcast(value: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    """`value` repeated to `shape`; itself where it has that shape."""
    kind = tensor_type(value.type)
    return value if kind.shape == shape else make("broadcast", [value], TensorType(shape, kind.dtype))
