# SPDX-License-Identifier: Apache-2.0
"""Fields, operands and instructions: what encoder, decoder, disassembler, `npu_cmd` ops and docs are generated from."""

import enum
import functools
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np

from npuc.errors import OutOfBounds
from npuc.targets.base import Target


class Space(enum.IntEnum):
    """Where an operand lives."""

    NONE = 0
    SRAM = 1
    DRAM = 2


class DType(enum.IntEnum):
    """Element types; bf16 and f32 are reserved. ui8 is known to rescale, and to convolutions as their input, on machines that say so."""

    I8 = 0
    I16 = 1
    I32 = 2
    BF16 = 3
    F32 = 4
    UI8 = 5

    @property
    def bytes(self) -> int:
        return (1, 2, 4, 2, 4, 1)[self]

    @property
    def numpy(self) -> type:
        """The numpy dtype; the reserved types have none yet and raise KeyError."""
        return {DType.I8: np.int8, DType.I16: np.int16, DType.I32: np.int32, DType.UI8: np.uint8}[self]


class Unit(enum.Enum):
    """Which kind of unit runs an instruction; the target maps kinds to queues."""

    MAC = "mac"
    VECTOR = "vector"
    DMA = "dma"
    ANY = "any"


Shape4 = tuple[int, int, int, int]


@dataclass(frozen=True)
class Extent:
    """The bytes {start + sum(i_k * strides[k]) + [0, run_bytes)}, 0 <= i_k < counts[k]."""

    start: int
    run_bytes: int
    counts: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    @functools.cached_property
    def low(self) -> int:
        """First byte touched."""
        return self.start + sum((n - 1) * s for n, s in zip(self.counts, self.strides, strict=True) if s < 0)

    @functools.cached_property
    def high(self) -> int:
        """One past the last byte touched."""
        return self.start + self.run_bytes + sum((n - 1) * s for n, s in zip(self.counts, self.strides, strict=True) if s > 0)

    def run_starts(self) -> np.ndarray:
        """Sorted i64 start addresses of every run."""
        starts = np.array([self.start], np.int64)
        for count, stride in zip(self.counts, self.strides, strict=True):
            starts = (starts[:, None] + np.arange(count, dtype=np.int64) * stride).ravel()
        starts.sort()
        return starts

    def overlaps(self, other: "Extent") -> bool:
        """True where both touch at least one byte in common; exact for strided extents."""
        if self.high <= other.low or other.high <= self.low:
            return False
        if not self.counts and not other.counts:
            return True
        mine, theirs = self.run_starts(), other.run_starts()
        # the nearest of my runs that starts at or below each of theirs, and the one above
        below = np.searchsorted(mine, theirs, side="right") - 1
        hit_below = (below >= 0) & (theirs < mine[np.maximum(below, 0)] + self.run_bytes)
        above = np.minimum(below + 1, len(mine) - 1)
        hit_above = (mine[above] >= theirs) & (mine[above] < theirs + other.run_bytes)
        return bool((hit_below | hit_above).any())


def _stride_length(dimension: tuple[int, int]) -> int:
    return abs(dimension[0])


def _merge(start: int, element_bytes: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Extent:
    """Fold contiguous inner dimensions into one run; the first four dimensions are N, H, W and C or bricks, a fifth is a run already."""
    if len(shape) > 4:
        element_bytes, shape, strides = element_bytes * shape[4], shape[:4], strides[:4]
    run, counts, kept = element_bytes, [], []
    dims = [(stride, extent) for extent, stride in zip(shape, strides, strict=True) if extent != 1 and stride]
    # nearly always each dimension's stride is longer than those of the dimensions in it
    inner_first = dims[::-1]
    if any(outer <= inner for (inner, _), (outer, _) in itertools.pairwise(inner_first)) or (dims and inner_first[0][0] < 0):
        # equal strides keep the order of the view
        inner_first = sorted(dims, key=_stride_length)
    for stride, extent in inner_first:
        if stride == run and not counts:
            run *= extent
        else:
            counts.append(extent)
            kept.append(stride)
    return Extent(start, run, tuple(counts), tuple(kept))


@functools.lru_cache(maxsize=65536)
def _traffic_bytes(element_bytes: int, shape: tuple[int, ...], strides: tuple[int, ...], burst_bytes: int) -> int:
    """Port bytes of a strided view, its runs rounded up to whole bursts."""
    extent = _merge(0, element_bytes, shape, strides)
    runs = 1
    for count in extent.counts:
        runs *= count
    return runs * -(-extent.run_bytes // burst_bytes) * burst_bytes


BRICK = 16
"""Channels that stand together where a view lies in bricks."""

OPERAND_NUMBERS = 19
_OPERAND = struct.Struct(f"={OPERAND_NUMBERS}q")


@dataclass(frozen=True)
class Operand:
    """A 4-D NHWC view of bytes in one memory.

    Attributes:
        space: memory.
        dtype: element type.
        base: byte address of row 0 of the view's buffer (with a ring: of the ring's first row).
        shape: N, H, W, C in elements, padding excluded.
        strides: bytes from one element to the next along N, H, W, C; 0 broadcasts.
        pad: top, bottom, left, right positions that read as `pad_value` and touch no memory (inputs only).
        pad_value: usually the zero point.
        wrap_rows: 0, or the number of rows of the ring: row h lies at base + ((first_row + h) % wrap_rows) * strides[1].
        first_row: ring row of the view's row 0.
        brick_stride: 0, or bytes from 16 channels to the next 16: channel c lies at (c // 16) * brick_stride + (c % 16) * strides[3].
    """

    space: Space
    dtype: DType
    base: int
    shape: Shape4
    strides: Shape4
    pad: Shape4 = (0, 0, 0, 0)
    pad_value: int = 0
    wrap_rows: int = 0
    first_row: int = 0
    brick_stride: int = 0

    @classmethod
    def absent(cls) -> "Operand":
        """The operand that an instruction does without."""
        return cls(Space.NONE, DType.I8, 0, (0, 0, 0, 0), (0, 0, 0, 0))

    @classmethod
    def dense(cls, space: Space, base: int, shape: Shape4, dtype: DType = DType.I8) -> "Operand":
        """A contiguous NHWC tensor at `base`."""
        _, height, width, channels = shape
        element = dtype.bytes
        return cls(
            space, dtype, base, shape, (height * width * channels * element, width * channels * element, channels * element, element)
        )

    @property
    def present(self) -> bool:
        return self.space is not Space.NONE

    @property
    def padded_shape(self) -> Shape4:
        """N, H, W, C including padding."""
        n, height, width, channels = self.shape
        top, bottom, left, right = self.pad
        return n, height + top + bottom, width + left + right, channels

    @property
    def elements(self) -> int:
        n, height, width, channels = self.shape
        return n * height * width * channels

    def padded(self, pad: Shape4, value: int) -> "Operand":
        """The same view with padding around it."""
        return replace(self, pad=pad, pad_value=value)

    def _row_pieces(self) -> list[tuple[int, int, int]]:
        """(address of first row, first row of the view, rows) of each stretch without a wrap."""
        _, height, _, _ = self.shape
        if not self.wrap_rows:
            return [(self.base + self.first_row * self.strides[1], 0, height)]
        if height > self.wrap_rows:
            raise OutOfBounds("an operand has more rows than its ring", found=height, wanted=f"at most {self.wrap_rows}")
        start = self.first_row % self.wrap_rows
        head = min(height, self.wrap_rows - start)
        pieces = [(self.base + start * self.strides[1], 0, head)]
        if head < height:
            pieces.append((self.base, head, height - head))
        return pieces

    # asked by the engine first and by the hazard check again
    @functools.cached_property
    def packed(self) -> bytes:
        """The view as the native module takes it: OPERAND_NUMBERS of i64, all of them 0 where it is absent; see lib/engine/view.h.

        Raises:
            struct.error: a number beyond 64 bits, which no program file holds.
        """
        if not self.present:
            return bytes(_OPERAND.size)
        return _OPERAND.pack(
            self.space, self.dtype, self.base, *self.shape, *self.strides, *self.pad, self.pad_value, self.wrap_rows, self.first_row,
            self.brick_stride,
        )  # fmt: skip

    def _steps(self, rows: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Extents and strides of `rows` rows: N, H, W, C, and with bricks N, H, W, bricks, channels of a brick."""
        n, _, width, channels = self.shape
        if not self.brick_stride:
            return (n, rows, width, channels), self.strides
        return (n, rows, width, channels // BRICK, BRICK), (*self.strides[:3], self.brick_stride, self.strides[3])

    def reach(self) -> tuple[int, int]:
        """First byte the view touches, and one past the last; of a view that is present and has elements."""
        rows = self.shape[1]
        low = self.base
        if self.wrap_rows:
            start = self.first_row % self.wrap_rows
            if start + rows > self.wrap_rows:
                rows = self.wrap_rows
            else:
                low += start * self.strides[1]
        else:
            low += self.first_row * self.strides[1]
        high = low + self.dtype.bytes
        for count, stride in zip(*self._steps(rows), strict=True):
            if stride > 0:
                high += (count - 1) * stride
            else:
                low += (count - 1) * stride
        return low, high

    def extents(self) -> tuple[Extent, ...]:
        """The exact bytes the view touches."""
        return self._extents

    @functools.cached_property
    def _extents(self) -> tuple[Extent, ...]:
        if not self.present or self.elements == 0:
            return ()
        return tuple(_merge(address, self.dtype.bytes, *self._steps(rows)) for address, _, rows in self._row_pieces())

    def traffic_bytes(self, burst_bytes: int) -> int:
        """Port bytes of one pass over the view, every contiguous run rounded up to whole bursts."""
        if not self.present or self.elements == 0:
            return 0
        # addresses do not matter, so tiles of one shape share the answer
        rows = (rows for _, _, rows in self._row_pieces()) if self.wrap_rows else (self.shape[1],)
        return sum(_traffic_bytes(self.dtype.bytes, *self._steps(count), burst_bytes) for count in rows)

    def _view(self, memory: np.ndarray, address: int, rows: int) -> np.ndarray:
        """Typed strided view of `rows` rows at `address` into a u8 memory, dimensions as `_steps` has them; bounds checked."""
        shape, strides = self._steps(rows)
        low = address + sum(min(0, (count - 1) * stride) for count, stride in zip(shape, strides, strict=True))
        high = address + self.dtype.bytes + sum(max(0, (count - 1) * stride) for count, stride in zip(shape, strides, strict=True))
        if low < 0 or high > memory.size:
            raise OutOfBounds(f"an access leaves {self.space.name}", found=f"bytes {low}..{high}", wanted=f"0..{memory.size}")
        return np.ndarray(shape, self.dtype.numpy, buffer=memory.data, offset=address, strides=strides)

    def read(self, memory: np.ndarray) -> np.ndarray:
        """Gather the view, padding included, as [N, H, W, C] of the operand's dtype.

        Args:
            memory: u8 [bytes] image of the operand's memory.

        Raises:
            OutOfBounds: the view leaves the memory.
        """
        out = np.full(self.padded_shape, self.pad_value, self.dtype.numpy)
        top, _, left, _ = self.pad
        _, _, width, _ = self.shape
        for address, row, rows in self._row_pieces():
            piece = out[:, top + row : top + row + rows, left : left + width]
            piece[...] = self._view(memory, address, rows).reshape(piece.shape)
        return out

    def write(self, memory: np.ndarray, values: np.ndarray) -> None:
        """Scatter `values` [N, H, W, C] into the view; padding must be zero.

        Raises:
            OutOfBounds: the view leaves the memory.
        """
        for address, row, rows in self._row_pieces():
            view = self._view(memory, address, rows)
            view[...] = values[:, row : row + rows].reshape(view.shape)


def _scalar(fmt: str, bits: int, signed: bool, doc: str, default: int = 0, since: int = 0) -> Any:
    return field(default=default, metadata={"fmt": fmt, "bits": bits, "signed": signed, "doc": doc, "since": since})


def u8(doc: str, default: int = 0, since: int = 0) -> Any:
    """An unsigned 8-bit field; `since`: the minor version of the format that brought it, at the end of the instruction."""
    return _scalar("B", 8, False, doc, default, since)


def u16(doc: str, default: int = 0) -> Any:
    """An unsigned 16-bit field."""
    return _scalar("H", 16, False, doc, default)


def u32(doc: str, default: int = 0) -> Any:
    """An unsigned 32-bit field."""
    return _scalar("I", 32, False, doc, default)


def i16(doc: str, default: int = 0) -> Any:
    """A signed 16-bit field."""
    return _scalar("h", 16, True, doc, default)


def i32(doc: str, default: int = 0) -> Any:
    """A signed 32-bit field."""
    return _scalar("i", 32, True, doc, default)


def choice(kind: type[enum.IntEnum], doc: str, since: int = 0) -> Any:
    """An 8-bit enumeration; names are printed, codes are encoded. `since` as in `u8`."""
    return field(default=kind(0), metadata={"fmt": "B", "bits": 8, "enum": kind, "doc": doc, "since": since})


def operand(doc: str, *, role: str) -> Any:
    """An operand field; role is "in", "in?" (may be absent) or "out"."""
    return field(default_factory=Operand.absent, metadata={"operand": role, "doc": doc})


@dataclass(frozen=True)
class ArrayWork:
    """What an instruction of the MAC unit asks of the array, for the ledger of lost cycles.

    Attributes:
        macs: multiply-accumulates, padding included.
        depthwise: they run at the array's depthwise rate.
        array_cycles: of the array, what edges and a depthwise rate waste included.
        output_cycles: of the output path.
        steps: of the array for one product, more than one where activations are wider than it is.
    """

    macs: int
    depthwise: bool
    array_cycles: int
    output_cycles: int
    steps: int = 1


@dataclass(frozen=True)
class Instruction:
    """Base of every instruction; a subclass declares opcode, mnemonic, unit and fields."""

    opcode: ClassVar[int] = -1
    mnemonic: ClassVar[str] = ""
    unit: ClassVar[Unit] = Unit.ANY

    def reads(self) -> tuple[Operand, ...]:
        """Operands read, absent ones left out."""
        return self._accessed[0]

    def writes(self) -> tuple[Operand, ...]:
        """Operands written."""
        return self._accessed[1]

    # asked by timing, by the hazard check and by every report
    @functools.cached_property
    def _accessed(self) -> tuple[tuple[Operand, ...], tuple[Operand, ...]]:
        views = [[view for name in names if (view := getattr(self, name)).present] for names in self._operand_names()]
        return tuple(views[0]), tuple(views[1])

    @classmethod
    @functools.cache
    def _operand_names(cls) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Of the operands read, and of those written."""
        roles = {f.name: f.metadata["operand"] for f in fields(cls) if "operand" in f.metadata}
        return tuple(name for name, role in roles.items() if role != "out"), tuple(name for name, role in roles.items() if role == "out")

    def busy_cycles(self, target: Target) -> int:
        """Cycles of the unit's own work, memory ports aside."""
        raise TypeError(f"{type(self).__name__} does not say its cycles")

    def traffic(self, target: Target) -> dict[Space, int]:
        """Port bytes by memory; by default every operand passes once."""
        total: dict[Space, int] = {}
        for view in (*self.reads(), *self.writes()):
            memory = target.sram if view.space is Space.SRAM else target.dram
            total[view.space] = total.get(view.space, 0) + view.traffic_bytes(memory.burst_bytes)
        return total

    def cost(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Busy cycles and traffic in one call, for instructions that find both together."""
        return self.busy_cycles(target), self.traffic(target)

    def array_work(self, target: Target) -> ArrayWork | None:
        """What the array does of it; None where the instruction does not multiply and accumulate."""
        return None

    def latency(self, target: Target) -> int:
        """Cycles before the first byte moves, once an instruction: the slowest memory read, and off-chip memory once more when written."""
        reads_dram = Space.DRAM in [view.space for view in self.reads()]
        writes_dram = Space.DRAM in [view.space for view in self.writes()]
        return (target.dram.read_latency if reads_dram else target.sram.read_latency) + (target.dram.write_latency if writes_dram else 0)

    def problems(self) -> Iterator[str]:
        """What is not well formed, target aside, one sentence each: dtypes and shapes that do not fit one another."""
        return iter(())

    def limits(self, target: Target) -> Iterator[str]:
        """What `target` refuses of a well-formed instruction, one sentence each."""
        return iter(())

    def cycles(self, target: Target) -> int:
        """Cycles the instruction takes alone: latency, then the longest of unit and ports."""
        busy, traffic = self.cost(target)
        ports = ((target.sram if space is Space.SRAM else target.dram).cycles(size) for space, size in traffic.items())
        return self.latency(target) + max(busy, *ports, 0)

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        """Execute on u8 memory images; `kernels` is the engine's kernel namespace (see npuc.numerics.kernels)."""
        raise TypeError(f"{type(self).__name__} does not say its effect")


@dataclass(frozen=True)
class Command:
    """An instruction in a queue, with the layer it serves."""

    instruction: Instruction
    queue: str
    location: str = ""
