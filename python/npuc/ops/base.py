# SPDX-License-Identifier: Apache-2.0
"""The contract of an op: what it means, which input a region needs, what a machine refuses, which commands run it.

An op is a frozen dataclass, free of MLIR. Activations are NHWC; a region is (start, size) per dimension.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self, get_args, get_origin

import numpy as np

from npuc.isa.base import Instruction, Operand, Shape4
from npuc.numerics.rescale import Rescale
from npuc.targets.base import Target

NUMPY_DTYPES = {
    "i1": np.bool_, "i8": np.int8, "ui8": np.uint8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "f32": np.float32, "f64": np.float64,
}  # fmt: skip

Region = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class TensorType:
    """Shape and element type (MLIR's name: i8, i16, i32, f32, ...) of a tensor."""

    shape: tuple[int, ...]
    dtype: str

    @functools.cached_property
    def elements(self) -> int:
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    @functools.cached_property
    def bytes(self) -> int:
        return self.elements * np.dtype(NUMPY_DTYPES[self.dtype]).itemsize

    @functools.cached_property
    def whole(self) -> Region:
        """The region that covers everything."""
        return tuple((0, extent) for extent in self.shape)

    @functools.cached_property
    def nhwc(self) -> Shape4:
        """The shape as N, H, W, C: [C], [W, C], [H, W, C] gain leading ones.

        Raises:
            ValueError: more than four dimensions.
        """
        if len(self.shape) > 4:
            raise ValueError(f"tensor has rank {len(self.shape)}, wanted at most 4")
        return (1,) * (4 - len(self.shape)) + self.shape  # type: ignore[return-value]

    def __str__(self) -> str:
        return "x".join([*map(str, self.shape), self.dtype])


def region_type(tensor: TensorType, region: Region) -> TensorType:
    """The type of `tensor` cut to `region`."""
    return TensorType(tuple(size for _, size in region), tensor.dtype)


def _narrowed(tensor: TensorType, channels: int) -> TensorType:
    """The type with another last extent."""
    return TensorType((*tensor.shape[:-1], channels), tensor.dtype)


def cut(array: np.ndarray, region: Region) -> np.ndarray:
    """The part of `array` that `region` names."""
    # the ellipsis keeps a tensor without dimensions an array
    return array[(..., *(slice(start, start + size) for start, size in region))]


@dataclass(frozen=True)
class Refusal:
    """Why a machine cannot run an op: the rule in words, what was found, what was wanted."""

    rule: str
    found: str
    wanted: str


@dataclass(frozen=True)
class Tile:
    """One part of an op: an op of its own on parts of the inputs.

    Attributes:
        spec: the tile as an ordinary op (shapes, padding and per-channel parameters adjusted).
        regions: for each input of the whole op, the part that the tile reads.
    """

    spec: "OpSpec"
    regions: tuple[Region, ...]


def param(doc: str, default: Any = None, *, since: int = 0, **kwargs: Any) -> Any:
    """A parameter of an op that is an attribute in MLIR; `doc` goes into the reference.

    `since`: the minor version of the program file that brought it; a host call of an older file means its default.
    """
    metadata = {"param": True, "doc": doc, "since": since}
    return field(default=default, metadata=metadata, **kwargs)


def _misfit(name: str, value: Any, kind: Any) -> str:
    """Why `value` is no `kind` (bool, int, float, str, a tuple of numbers, or a dataclass such as Rescale); "" where it is one."""
    wanted = _tuple_of(kind)
    if wanted is not None:
        entry, count = wanted
        if not isinstance(value, tuple) or not set(map(type, value)) <= {entry}:
            return f"{name} is {value!r}, wanted {'integers' if entry is int else 'numbers'}"
        return f"{name} has {len(value)} entries, wanted {count}" if count is not None and len(value) != count else ""
    if type(value) is kind:
        return ""
    return f"{name} is {value!r}, wanted {_KINDS.get(kind, kind.__name__.lower())}"


@functools.cache
def _tuple_of(kind: Any) -> tuple[type, int | None] | None:
    """(type of an entry, their number or None for any) of a tuple's annotation; None where `kind` is no tuple."""
    if get_origin(kind) is not tuple:
        return None
    entries = get_args(kind)
    return entries[0], None if Ellipsis in entries else len(entries)


_KINDS = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}


@dataclass(frozen=True)
class OpSpec:
    """Base of every op.

    Attributes:
        inputs: types of all operands, parameters (weights, bias, table) included.
        output: type of the one result.
    """

    name: ClassVar[str] = ""
    # operand names in order, and which of them are parameters packed into one blob beside the instruction
    operand_names: ClassVar[tuple[str, ...]] = ("input",)
    param_operands: ClassVar[tuple[int, ...]] = ()
    # takes any number of operands, at least one; operand_names then names them all
    variadic: ClassVar[bool] = False
    # a view changes the type alone; nothing moves
    is_view: ClassVar[bool] = False
    # runs on the host only
    host_only: ClassVar[bool] = False

    inputs: tuple[TensorType, ...]
    output: TensorType

    @classmethod
    @functools.cache
    def params(cls) -> tuple[Any, ...]:
        """The dataclass fields that are attributes in MLIR."""
        return tuple(f for f in fields(cls) if f.metadata.get("param"))

    @classmethod
    def of(cls, *inputs: TensorType, output: TensorType | None = None, **params: Any) -> Self:
        """The op on `inputs` with its output inferred; `output` is needed where inputs and parameters leave it open.

        Raises:
            ValueError: what problems() says.
        """
        draft = cls(inputs, output or TensorType((), inputs[0].dtype), **params)
        problem = next(draft._all_malformed(), None)
        if problem is None:
            draft = replace(draft, output=draft.infer())
            problem = next(draft.problems(), None)
        if problem is not None:
            raise ValueError(f"{cls.name}: {problem}")
        return draft

    @property
    def activations(self) -> tuple[int, ...]:
        """Indices of the operands that are not parameters."""
        return tuple(i for i in range(len(self.inputs)) if i not in self.param_operands)

    # what the op means -------------------------------------------------------------------------

    def problems(self) -> Iterator[str]:
        """Well-formedness, target aside: what is wrong, one sentence each (the MLIR verifier prints them)."""
        found = False
        for problem in self._all_malformed():
            found = True
            yield problem
        if found:
            return
        wanted = self.infer()
        if self.output != wanted:
            yield f"result is {self.output}, wanted {wanted}"

    def _all_malformed(self) -> Iterator[str]:
        """Operand count and the kinds of parameters first: malformed() may rely on them."""
        if len(self.inputs) < 1 if self.variadic else len(self.inputs) != len(self.operand_names):
            yield f"has {len(self.inputs)} operands, wanted {'at least 1' if self.variadic else len(self.operand_names)}"
            return
        empty = [tensor for tensor in self.inputs if 0 in tensor.shape]
        if empty:
            yield f"operand is {empty[0]}, wanted extents of at least 1"
            return
        found = False
        for parameter in self.params():
            problem = _misfit(parameter.name, getattr(self, parameter.name), parameter.type)
            if problem:
                found = True
                yield problem
        if not found:
            yield from self.malformed()

    def malformed(self) -> Iterator[str]:
        """What is wrong with operands and parameters, before a result can be inferred from them; the most basic first."""
        return iter(())

    def infer(self) -> TensorType:
        """The output type that well-formed inputs and parameters imply; `output` itself where it is free."""
        return self.output

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        """The value, to the bit."""
        raise TypeError(f"{self.name} has no reference")

    def tile(self, region: Region) -> Tile:
        """The op cut to `region` of its output. Every partition of the output equals the whole."""
        raise TypeError(f"{self.name} cannot be tiled")

    @property
    def splits(self) -> frozenset[int]:
        """Output dimensions along which the op may be tiled."""
        return frozenset()

    @property
    def channelwise(self) -> tuple[int, ...]:
        """The operands whose last dimension is the output's, channel for channel, of an op that treats each on its own; else none."""
        return ()

    def with_channels(self, kept: Sequence[int]) -> Self:
        """The op on some channels of its output, and of the operands of `channelwise`."""
        inputs = tuple(_narrowed(x, len(kept)) if i in self.channelwise else x for i, x in enumerate(self.inputs))
        changed = {
            item.name: value.picked(kept) for item in self.params() if isinstance(value := getattr(self, item.name), Rescale)
        }
        return replace(self, inputs=inputs, output=_narrowed(self.output, len(kept)), **changed)

    def macs(self) -> int:
        """Multiply-accumulates of the whole op, padding included."""
        return 0

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        """What `target` refuses, whatever the tiling."""
        return iter(())

    def scratch_bytes(self, target: Target) -> int:
        """SRAM the commands need beside operands."""
        return 0

    def param_bytes(self) -> int:
        """Bytes of the packed parameter blob, 0 where there are no parameters."""
        return 0

    def pack_params(self, *arrays: np.ndarray) -> bytes:
        """The blob that lies in SRAM while the op runs, from the values of the parameter operands."""
        return b""

    def pack_for(self, target: Target, *arrays: np.ndarray) -> bytes:
        """The blob as `target` takes it: at most `param_bytes` long; shorter where the machine decodes packed weights."""
        return self.pack_params(*arrays)

    def array_cycles(self, target: Target) -> int:
        """The unit's own lower bound for the whole op: edge waste and depthwise rate included, memory aside."""
        return 0

    @property
    def takes_bricks(self) -> bool:
        """Whether `emit` takes operands in bricks of channels (`Operand.brick_stride`)."""
        return False

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        """The commands of the op.

        Args:
            inputs: one operand for each activation, in order, without padding.
            output: where the result goes.
            params: u8 blob in SRAM as `pack_for` lays it out, or absent; a blob shorter than `param_bytes` is packed.
            scratch: `scratch_bytes` bytes in SRAM, or absent.
        """
        raise TypeError(f"{self.name} has no commands")

