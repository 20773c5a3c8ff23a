# SPDX-License-Identifier: Apache-2.0
"""Takes out channels that cannot matter: those whose value never changes, and those that nobody reads.

Training with sparsity, and rounding to int8, leave filters that are zero and channels that the next layer multiplies by zero, and an
array of multipliers does not skip them.

- A channel of a convolution, depthwise convolution or fully connected layer never changes where the least and the greatest sum that its
  inputs allow give one result. A convolution that reads such a channel takes its share into the bias; one with padding only where the
  channel holds the zero point, for the border has no share.
- A channel is read where a convolution has a weight for it, in an output channel that is kept itself.
- Ops that treat each channel on its own tie what they read to what they write: both sides of an addition keep what any of its readers
  needs. Inputs and results of the function, and ops that mix channels in another way, keep all.

A tensor keeps at least one channel, and a feature map a number that the machine's array has no use for less of (`channel_multiple`): what
is filled up has zero weights. The same bytes come out.
"""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from torch_mlir import ir

from npuc.dialects.attrs import to_attr
from npuc.dialects.base import build, spec_class, spec_of, tensor_type
from npuc.dialects.npu.ops.constant import build_constant
from npuc.ops._checks import RANGES
from npuc.ops._conv import I32_MAX, is_accumulators
from npuc.ops._elementwise import Map, Pairwise
from npuc.ops.base import NUMPY_DTYPES, OpSpec, TensorType
from npuc.ops.conv2d import Conv2d
from npuc.ops.depthwise_conv2d import DepthwiseConv2d
from npuc.ops.fully_connected import FullyConnected
from npuc.passes.base import Pass, constant_value, functions, is_constant, named_target
from npuc.passes.npu_fuse_activations import bounds

CHANNELS_ATTRIBUTE, MACS_ATTRIBUTE = "npu.dropped_channels", "npu.dropped_macs"
"""On a function: channels of its ops that are gone, and the multiply-accumulates that went with them."""

Layer = Conv2d | DepthwiseConv2d | FullyConnected


@dataclass(frozen=True)
class NpuDropChannels(Pass):
    def run(self, module: ir.Module) -> None:
        # a module for no machine in particular keeps no channel for its array's sake
        target = named_target(module)
        multiple = target.array.channel_multiple if target is not None else 1
        for function in functions(module):
            _shrink(function.operation, multiple)


def _shrink(function: ir.Operation, multiple: int) -> None:
    """Replaces every op of a function that has channels too many, and notes what that saves."""
    block = function.regions[0].blocks[0]
    nodes = [_Node.of(view.operation) for view in block.operations if view.operation.name != "npu.constant"]
    ranges = _Ranges(nodes)
    ties = _tied(nodes, list(block.arguments), multiple)
    _keep_what_is_read(nodes, ranges, ties)
    # everything is decided before the first op changes: a value of an erased op must not be asked
    changes = [change for node in nodes if (change := _change(node, ranges, ties)) is not None]
    dropped = {
        CHANNELS_ATTRIBUTE: sum(change.dropped_channels for change in changes),
        MACS_ATTRIBUTE: sum(change.dropped_macs for change in changes),
    }
    for change in changes:
        change.apply()
    for name, count in dropped.items():
        if count:
            function.attributes[name] = to_attr(count)
            logging.getLogger("npuc").info("%s: %d", name, count)


def _channels(value: ir.Value) -> int:
    """Extent of the last dimension."""
    return (ir.RankedTensorType(value.type).shape or [1])[-1]


def _has_channels(value: ir.Value) -> bool:
    """Whether it is a tensor of known extents made at run time; between ops that are none of npuc.ops stand other values, too."""
    return isinstance(value.type, ir.RankedTensorType) and value.type.has_static_shape and not is_constant(value)


# the ops -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Weights:
    """Constants of a layer.

    Attributes:
        stored: as the op has them.
        sums: of the weights less their zero point over the kernel's taps, i64 [O, C]; of a depthwise kernel C is 1.
        sizes: the same of their absolute values.
        bias: [O].
    """

    stored: np.ndarray
    sums: np.ndarray
    sizes: np.ndarray
    bias: np.ndarray

    @classmethod
    def of(cls, op: ir.Operation, spec: Layer) -> "_Weights | None":
        """None where they are no constants."""
        stored, bias = (constant_value(value) for value in list(op.operands)[1:])
        if stored is None or bias is None:
            return None
        outputs_first = np.moveaxis(stored, -1, 0)[..., None] if isinstance(spec, DepthwiseConv2d) else stored
        centred = outputs_first.reshape(len(bias), -1, outputs_first.shape[-1]).astype(np.int16) - np.int16(spec.zp_w)
        return cls(stored, _over_taps(centred), _over_taps(np.abs(centred)), bias)


def _over_taps(values: np.ndarray) -> np.ndarray:
    """Sums i64 [O, C] of i16 [O, taps, C]; numpy takes its time over a single tap."""
    return values[:, 0].astype(np.int64) if values.shape[1] == 1 else values.sum(axis=1, dtype=np.int64)


@dataclass(frozen=True)
class _Node:
    """An op and how its channels depend on those of its operands.

    Attributes:
        spec: None of an op that is none of npuc.ops.
        follows: operands whose channels are those of the result, one by one.
        weights: of a layer with constants.
    """

    op: ir.Operation
    spec: OpSpec | None = None
    follows: tuple[int, ...] = ()
    weights: _Weights | None = None

    @classmethod
    def of(cls, op: ir.Operation) -> "_Node":
        if spec_class(op) is None:
            return cls(op)
        spec = spec_of(op)
        follows = spec.channelwise
        if any(position in spec.param_operands and not is_constant(op.operands[position]) for position in follows):
            follows = ()
        return cls(op, spec, follows, _Weights.of(op, spec) if isinstance(spec, Layer) else None)

    @property
    def mixes(self) -> bool:
        """A layer each of whose channels reads all those of its input."""
        return self.weights is not None and isinstance(self.spec, Conv2d | FullyConnected) and getattr(self.spec, "groups", 1) == 1

    @property
    def padded(self) -> bool:
        """A layer whose windows reach beyond the image."""
        return any(getattr(self.spec, "pads", ()))


# what the channels hold ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Range:
    """The least and the greatest value of each channel, i64 [C]."""

    lo: np.ndarray
    hi: np.ndarray

    @classmethod
    def of(cls, channels: int, lo: int, hi: int) -> "_Range":
        return cls(np.full(channels, lo, np.int64), np.full(channels, hi, np.int64))

    @property
    def constant(self) -> np.ndarray:
        """Channels that never change, bool [C]."""
        return self.lo == self.hi


class _Ranges:
    """The bounds of every value, as far as they follow from the constants of layers."""

    def __init__(self, nodes: list[_Node]):
        self._known: dict[ir.Value, _Range] = {}
        for node in nodes:
            if node.spec is not None and node.spec.output.dtype in RANGES:
                self._known[node.op.results[0]] = self._result(node, node.spec)

    def __getitem__(self, value: ir.Value) -> _Range | None:
        """None of an element type without bounds."""
        if value in self._known:
            return self._known[value]
        dtype = tensor_type(value.type).dtype
        return _Range.of(_channels(value), *RANGES[dtype]) if dtype in RANGES else None

    def _result(self, node: _Node, spec: OpSpec) -> _Range:
        # bounds are those of narrow results: an i32 one has no clamp
        unknown = _Range.of(_channels(node.op.results[0]), *(RANGES["i32"] if spec.output.dtype == "i32" else bounds(spec)))
        x = self[node.op.operands[0]]
        if x is None:
            return unknown
        if node.weights is not None and (node.mixes or node.follows):
            return _sums(node, node.weights, x) or unknown
        if spec.is_view and node.follows:
            return x
        return self._pointwise(node, spec, unknown) if isinstance(spec, Map | Pairwise) else unknown

    def _pointwise(self, node: _Node, spec: OpSpec, unknown: _Range) -> _Range:
        """Channels that never change in any input do not in the result; the op says what they become, on one pixel."""
        pixel, constant = [], np.ones(len(unknown.lo), bool)
        for position, (value, tensor) in enumerate(zip(node.op.operands, spec.inputs, strict=True)):
            stored, x = constant_value(value), self[value]
            if position in spec.param_operands and stored is not None:
                pixel.append(stored)
            elif x is not None and position in node.follows:
                constant &= x.constant
                pixel.append(x.lo.astype(NUMPY_DTYPES[tensor.dtype]))
            else:
                return unknown
        if not constant.any():
            return unknown
        types = tuple(TensorType(array.shape, tensor.dtype) for array, tensor in zip(pixel, spec.inputs, strict=True))
        small = replace(spec, inputs=types, output=TensorType((len(constant),), spec.output.dtype))
        values = small.reference(*pixel).astype(np.int64)
        return _Range(np.where(constant, values, unknown.lo), np.where(constant, values, unknown.hi))


def _sums(node: _Node, weights: _Weights, x: _Range) -> _Range | None:
    """Bounds of a layer's results: a rescale never decreases. None where a sum may leave 32 bits."""
    spec = node.spec
    assert isinstance(spec, Layer)
    lo, hi = x.lo - spec.zp_x, x.hi - spec.zp_x
    if node.padded:
        lo, hi = np.minimum(lo, 0), np.maximum(hi, 0)
    middle, reach = lo + hi, hi - lo
    if node.follows:
        middle, reach = weights.sums[:, 0] * middle, weights.sizes[:, 0] * reach
    else:
        middle, reach = weights.sums @ middle, weights.sizes @ reach
    least, most = (middle - reach) // 2, (middle + reach) // 2
    least, most = least + weights.bias, most + weights.bias
    if weights.bias.dtype != np.int32 or max(-int(least.min()), int(most.max())) > I32_MAX:
        return None
    if is_accumulators(spec.output):
        return _Range(least, most)
    values = spec.rescale.apply(np.stack([least, most]), np.int64)
    return _Range(values[0], values[1])


# which of them are kept ----------------------------------------------------------------------------


class _Ties:
    """Which channels each value keeps; values that are tied keep the same."""

    def __init__(self, multiple: int) -> None:
        self._multiple = multiple
        self._parents: dict[ir.Value, ir.Value] = {}
        self._kept: dict[ir.Value, np.ndarray] = {}
        self._maps: set[ir.Value] = set()

    def _root(self, value: ir.Value) -> ir.Value:
        while value in self._parents:
            value = self._parents[value]
        return value

    def tie(self, one: ir.Value, other: ir.Value) -> None:
        """Before any channel is kept."""
        one, other = self._root(one), self._root(other)
        if one != other:
            self._parents[one] = other

    def add(self, value: ir.Value) -> None:
        """A value that keeps nothing yet, after all are tied."""
        root = self._root(value)
        self._kept.setdefault(root, np.zeros(_channels(value), bool))
        if math.prod(ir.RankedTensorType(value.type).shape) > _channels(value):
            self._maps.add(root)

    def keep(self, value: ir.Value, channels: np.ndarray) -> bool:
        """Keeps more channels, bool [C]; whether one of them is new."""
        root = self._root(value)
        before = self._kept[root]
        self._kept[root] = before | channels
        return bool((channels & ~before).any())

    def kept(self, value: ir.Value) -> np.ndarray:
        """Which, bool [C]."""
        return self._kept[self._root(value)]

    def numbers(self, value: ir.Value) -> np.ndarray:
        """The channels kept and, to make their number round, some that are not, ascending."""
        kept = self.kept(value)
        # a vector has no rows that a brick or a burst could cut: each channel less is a byte less
        missing = -int(kept.sum()) % self._multiple if self._root(value) in self._maps else 0
        return np.sort(np.concatenate([np.flatnonzero(kept), np.flatnonzero(~kept)[:missing]]))

    def empty(self) -> Iterator[ir.Value]:
        """Values that keep none."""
        return (value for value, channels in self._kept.items() if not channels.any())


def _tied(nodes: list[_Node], arguments: list[ir.Value], multiple: int) -> _Ties:
    """What must stay whole is kept whole, nothing else."""
    ties, whole = _Ties(multiple), [*arguments]
    for node in nodes:
        tied = [node.op.operands[position] for position in node.follows if not is_constant(node.op.operands[position])]
        for value in tied:
            ties.tie(value, node.op.results[0])
        if node.mixes:
            continue
        whole += [value for position, value in enumerate(node.op.operands) if position not in node.follows and not is_constant(value)]
        if not tied:
            whole += node.op.results
    for value in (*arguments, *(value for node in nodes for value in (*node.op.operands, *node.op.results))):
        if _has_channels(value):
            ties.add(value)
    for value in filter(_has_channels, whole):
        ties.keep(value, np.ones(_channels(value), bool))
    return ties


def _keep_what_is_read(nodes: list[_Node], ranges: _Ranges, ties: _Ties) -> None:
    """The fewest channels such that every layer has those that it reads, and every value at least one."""
    layers = [(node, node.weights, _foldable(node, node.weights, ranges)) for node in nodes if node.mixes and node.weights is not None]
    reads = [(node, (weights.sizes > 0) & ~folded) for node, weights, folded in reversed(layers)]
    while True:
        grown = [ties.keep(node.op.operands[0], read[ties.kept(node.op.results[0])].any(axis=0)) for node, read in reads]
        if any(grown):
            continue
        empty = list(ties.empty())
        if not empty:
            return
        for value in empty:
            ties.keep(value, np.arange(_channels(value)) == 0)


def _foldable(node: _Node, weights: _Weights, ranges: _Ranges) -> np.ndarray:
    """Input channels that add the same to a layer's every position, bool [C]."""
    x, spec = ranges[node.op.operands[0]], node.spec
    assert isinstance(spec, Layer)
    none = np.zeros(weights.sums.shape[1], bool)
    if x is None:
        return none
    found = x.constant & (x.lo == spec.zp_x) if node.padded else x.constant
    # any of them may be taken into the bias, so all in their absolute values must fit
    shares = np.abs(weights.sums[:, found] * (x.lo[found] - spec.zp_x)).sum(axis=1) + np.abs(weights.bias.astype(np.int64))
    return found if int(shares.max()) <= I32_MAX else none


# the change ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Change:
    """What becomes of an op: its other operands are those that it has when its turn comes."""

    op: ir.Operation
    before: OpSpec
    spec: OpSpec
    constants: dict[int, np.ndarray]

    @property
    def dropped_channels(self) -> int:
        return self.before.output.shape[-1] - self.spec.output.shape[-1]

    @property
    def dropped_macs(self) -> int:
        return self.before.macs() - self.spec.macs()

    def apply(self) -> None:
        op, operands = self.op, list(self.op.operands)
        with ir.InsertionPoint(op):
            for position, array in self.constants.items():
                operands[position] = build_constant(np.ascontiguousarray(array), loc=op.operands[position].owner.location)
            value = build(self.spec, operands, loc=op.location)
        op.results[0].replace_all_uses_with(value)
        op.erase()


def _change(node: _Node, ranges: _Ranges, ties: _Ties) -> _Change | None:
    """None where no channel goes."""
    op, spec = node.op, node.spec
    if spec is None or not (node.mixes or node.follows):
        return None
    if node.mixes:
        return _changed_layer(node, ranges, ties)
    kept = ties.numbers(op.results[0])
    if len(kept) == spec.output.shape[-1]:
        return None
    known = ((position, constant_value(op.operands[position])) for position in node.follows)
    return _Change(op, spec, spec.with_channels(kept), {position: array[..., kept] for position, array in known if array is not None})


def _changed_layer(node: _Node, ranges: _Ranges, ties: _Ties) -> _Change | None:
    """What a channel that is not kept adds goes into the bias; where it stays to make the number round, its weights are zero."""
    source, result, spec, weights = node.op.operands[0], node.op.results[0], node.spec, node.weights
    assert weights is not None and isinstance(spec, Layer)
    outputs, inputs = ties.numbers(result), ties.numbers(source)
    if (len(outputs), len(inputs)) == (len(ties.kept(result)), len(ties.kept(source))):
        return None
    x, bias, gone = ranges[source], weights.bias, np.flatnonzero(~ties.kept(source))
    if x is not None:
        share = np.where(x.constant, x.lo - spec.zp_x, 0)[gone]
        bias = bias + (weights.sums[:, gone] @ share).astype(bias.dtype)
    stored = weights.stored.copy()
    stored[..., gone] = stored[~ties.kept(result)] = spec.zp_w
    stored = stored[outputs][..., inputs]
    types = (
        TensorType((*spec.inputs[0].shape[:-1], len(inputs)), spec.inputs[0].dtype),
        TensorType(stored.shape, spec.inputs[1].dtype),
        TensorType((len(outputs),), spec.inputs[2].dtype),
    )
    return _Change(node.op, spec, replace(spec.with_channels(outputs), inputs=types), {1: stored, 2: bias[outputs]})
