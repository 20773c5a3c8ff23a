# SPDX-License-Identifier: Apache-2.0
"""pad: a border of one value (TOSA PAD; TFLite PAD, PADV2). Before a convolution or pooling it is folded away where it may be."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa.base import Instruction, Operand
from npuc.ops._checks import RANGES, element_types, in_range
from npuc.ops._layout import Movement, copy, fill
from npuc.ops._views import part
from npuc.ops.base import Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class Pad(Movement):
    """y = x with pads[2i] positions of `value` before and pads[2i + 1] after dimension i; any integer type."""

    name: ClassVar[str] = "pad"

    pads: tuple[int, ...] = param("before and after dimension 0, before and after dimension 1, ...", ())
    value: int = param("what the border holds, usually the zero point", 0)

    def malformed(self) -> Iterator[str]:
        x = self.inputs[0]
        if x.dtype not in RANGES:
            yield f"operand 'input' has element type {x.dtype}, wanted {' or '.join(RANGES)}"
            return
        yield from in_range("value", self.value, x.dtype)
        if len(self.pads) != 2 * len(x.shape):
            yield f"pads has {len(self.pads)} entries, wanted {2 * len(x.shape)}"
        elif min(self.pads, default=0) < 0:
            yield f"pads are {self.pads}, wanted at least 0"

    def infer(self) -> TensorType:
        x = self.inputs[0]
        return TensorType(tuple(e + self.pads[2 * i] + self.pads[2 * i + 1] for i, e in enumerate(x.shape)), x.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        widths = [(self.pads[2 * i], self.pads[2 * i + 1]) for i in range(inputs[0].ndim)]
        # np.pad takes no empty list
        return np.pad(inputs[0], widths, constant_values=self.value) if widths else inputs[0].copy()

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(i for i in range(len(self.output.shape)) if self.pads[2 * i : 2 * i + 2] == (0, 0))

    def tile(self, region: Region) -> Tile:
        """Raises ValueError where the region holds nothing but border."""
        source, pads = [], []
        for i, ((start, size), extent) in enumerate(zip(region, self.inputs[0].shape, strict=True)):
            low, high = start - self.pads[2 * i], start + size - self.pads[2 * i]
            first, last = max(low, 0), min(high, extent)
            if first >= last:
                raise ValueError(f"a tile of pad holds nothing of the input along dimension {i}")
            source.append((first, last - first))
            pads += [first - low, high - last]
        spec = replace(
            self, inputs=(region_type(self.inputs[0], tuple(source)),), output=region_type(self.output, region), pads=tuple(pads)
        )
        return Tile(spec, (tuple(source),))

    @property
    def channelwise(self) -> tuple[int, ...]:
        return (0,) if self.pads and not any(self.pads[-2:]) else ()

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from super().limits(target)
        if self._outer(4 - len(self.output.shape)):
            yield from self._fillable(target)

    def _fillable(self, target: Target) -> Iterator[Refusal]:
        """A border of batch or channels is written by a clamp to its value, which i32 has not."""
        yield from element_types(self, target, "i8", "i16")

    def _outer(self, shift: int) -> list[tuple[int, int, int]]:
        """(NHWC dimension, before, after) of borders along batch and channels, which no operand can express."""
        pads = (0, 0) * shift + self.pads
        return [(axis, pads[2 * axis], pads[2 * axis + 1]) for axis in (0, 3) if any(pads[2 * axis : 2 * axis + 2])]

    @property
    def takes_bricks(self) -> bool:
        return not any(self.pads[-2:])

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        shift = 4 - len(self.output.shape)
        _, _, top, bottom, left, right, _, _ = (0, 0) * shift + self.pads
        commands, inner = [], output
        for axis, before, after in self._outer(shift):
            extent = inner.shape[axis]
            for start, size in ((0, before), (extent - after, after)):
                if size:
                    commands.append(fill(part(inner, axis, start, size), self.value, inputs[0]))
            inner = part(inner, axis, before, extent - before - after)
        commands.append(copy(inputs[0].padded((top, bottom, left, right), self.value), inner))
        return commands
