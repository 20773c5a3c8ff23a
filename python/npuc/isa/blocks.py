# SPDX-License-Identifier: Apache-2.0
"""How the MAC unit walks over its output block by block: cycles, port traffic, and the choice of the block.

What follows holds for our own machines; `npuc.isa.microblocks` has the rules of the parity machines, and this module asks them there.
A block is height x width x channels of one group's output; its sums stay in the accumulators until the whole reduction is done.
With n_sp spatial blocks (over all images) and n_oc channel blocks,

    CHANNELS_OUTER  input passes: 1 where the whole input (or, with n_sp = 1, the input block) fits the input buffer, else n_oc
                    weight passes: 1 where the weights of a channel block fit the weight buffer, else n_sp
    PIXELS_OUTER    input passes: 1 where an input block fits the input buffer, else n_oc
                    weight passes: 1 where all weights of the group fit the weight buffer, else n_sp

A pass over the input brings every spatial block's receptive field, halo included, padding clipped off (it touches no memory); a
depthwise block brings its own channels alone, so its input passes once. The output leaves once. Every contiguous run of a block
is charged in whole bursts.
"""

import enum
import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from npuc import native
from npuc.errors import DoesNotFit
from npuc.isa import microblocks
from npuc.isa.base import ArrayWork, Instruction, Operand, Shape4, Space
from npuc.targets.base import Block, Memory, MicroBlockArray, SpatialArray, Target, ceil_div


class LoopOrder(enum.IntEnum):
    """Which loop over blocks stands outside. On machines of micro-blocks: convolve depth-first, or in parts of the kernel."""

    CHANNELS_OUTER = 0
    PIXELS_OUTER = 1


@dataclass(frozen=True)
class Layout(microblocks.Layout):
    """How the elements of a view follow one another, and what its blocks cost on a port that counts runs."""

    def run_bytes(self, height: int, width: int, channels: int, burst: int) -> int:
        """Port bytes of one block, every contiguous run rounded up to whole bursts; bytes that neighbouring pixels share are read once."""
        stride_h, stride_w, stride_c = self.strides
        run, runs = self.element, channels * width * height
        if stride_c == run or channels == 1:
            run, runs = run * channels, width * height
            if 0 < stride_w <= run or width == 1:
                run, runs = run + (width - 1) * stride_w, height
                if stride_h == run or height == 1:
                    run, runs = run * height, 1
        return runs * -(-run // burst) * burst


@dataclass(frozen=True)
class MacWork:
    """What a MAC instruction computes, reduced to what its cost depends on.

    Attributes:
        images: spatial maps that share the weights (batch).
        matrices: maps that do not (batch of a matrix product).
        out: H, W, C of one group's output.
        in_channels: input channels one output channel sums over.
        groups: groups computed one after the other; 1 for depthwise.
        channel_step: output channels per input channel of a depthwise convolution, 0 for any other work.
        image: H, W of the input without padding.
        pads: top and left padding.
        output_kind: what the output path does, as `OutputPath` names it.
        params: scales and table, where there are any, in this order: space and dense size of each; read once.
        weight_bytes: bytes of all weights as they are stored, where they are compressed; 0 where they are not.
    """

    images: int
    matrices: int
    out: Block
    in_channels: int
    groups: int
    channel_step: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    image: tuple[int, int]
    pads: tuple[int, int]
    ifm: Layout
    ofm: Layout
    weights: Space
    output_kind: str
    params: tuple[tuple[Space, int], ...] = ()
    weight_bytes: int = 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates, padding included."""
        height, width, channels = self.out
        taps = self.kernel[0] * self.kernel[1] * (1 if self.channel_step else self.in_channels)
        return self.images * self.matrices * self.groups * height * width * channels * taps

    @property
    def reach(self) -> tuple[int, int]:
        """Input rows and columns under one output position."""
        return (self.kernel[0] - 1) * self.dilation[0] + 1, (self.kernel[1] - 1) * self.dilation[1] + 1

    def block_input(self, block: Block) -> int:
        """Bytes of the largest input block, at most the whole input of a group."""
        rows = min((min(block[0], self.out[0]) - 1) * self.strides[0] + self.reach[0], self.image[0])
        columns = min((min(block[1], self.out[1]) - 1) * self.strides[1] + self.reach[1], self.image[1])
        channels = ceil_div(min(block[2], self.out[2]), self.channel_step) if self.channel_step else self.in_channels
        return rows * columns * channels * self.ifm.element

    def block_weights(self, channels: int) -> int:
        """Weight bytes of `channels` output channels."""
        return min(channels, self.out[2]) * self.kernel[0] * self.kernel[1] * (1 if self.channel_step else self.in_channels)


@dataclass(frozen=True)
class MacCost:
    """Unit cycles and port bytes of a MAC instruction.

    Attributes:
        busy_cycles: at least the longer of array and output path.
    """

    busy_cycles: int
    array_cycles: int
    output_cycles: int
    traffic: tuple[tuple[Space, int], ...]

    def cycles(self, target: Target) -> int:
        """The longest of unit and ports, latency aside."""
        return max(self.busy_cycles, *((target.sram if space is Space.SRAM else target.dram).cycles(size) for space, size in self.traffic))


@functools.lru_cache(maxsize=65536)
def _pieces(extent: int, step: int) -> tuple[tuple[int, int], ...]:
    """(size, count) of the blocks along one output dimension."""
    whole, rest = divmod(extent, step)
    return ((step, whole),) * bool(whole) + ((rest, 1),) * bool(rest)


@functools.lru_cache(maxsize=65536)
def _input_pieces(out: int, step: int, stride: int, reach: int, before: int, extent: int) -> tuple[tuple[int, int], ...]:
    """(size, count) of the inputs under the blocks along one dimension, clipped to the image 0..extent-1."""
    found: Counter[int] = Counter()
    for start in range(0, out, step):
        low = start * stride - before
        high = (min(start + step, out) - 1) * stride + reach - before
        found[max(0, min(high, extent) - max(low, 0))] += 1
    return tuple(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What both loop orders share: one pass over the input, the output, blocks each way, array and output cycles."""

    read: int
    written: int
    n_sp: int
    n_oc: int
    array: int
    output: int


def _parts(work: MacWork, block: Block, target: Target) -> _Parts:
    assert isinstance(target.array, SpatialArray)
    height, width, channels = block
    rows, columns, depths = _pieces(work.out[0], height), _pieces(work.out[1], width), _pieces(work.out[2], channels)
    repeats = work.groups * work.images * work.matrices
    if work.channel_step:
        in_depths = tuple((ceil_div(size, work.channel_step), count) for size, count in depths)
        array = target.array.depthwise_cycles(work.out, block, work.kernel)
    else:
        in_depths = ((work.in_channels, 1),)
        array = target.array.conv2d_cycles(work.out, block, work.in_channels, work.kernel)
    in_rows = _input_pieces(work.out[0], height, work.strides[0], work.reach[0], work.pads[0], work.image[0])
    in_columns = _input_pieces(work.out[1], width, work.strides[1], work.reach[1], work.pads[1], work.image[1])
    return _Parts(
        read=_blocks_bytes(work.ifm, in_rows, in_columns, in_depths, _port(work.ifm.space, target).burst_bytes) * repeats,
        written=_blocks_bytes(work.ofm, rows, columns, depths, _port(work.ofm.space, target).burst_bytes) * repeats,
        n_sp=sum(count for _, count in rows) * sum(count for _, count in columns) * work.images,
        n_oc=sum(count for _, count in depths),
        array=array * target.array.activation_steps[work.ifm.element] * repeats,
        output=target.output.cycles(work.output_kind, work.out[0] * work.out[1] * work.out[2] * repeats),
    )


def _finish(work: MacWork, block: Block, parts: _Parts, order: LoopOrder, target: Target) -> MacCost:
    in_passes, weight_passes = _passes(work, block, order, parts.n_sp, parts.n_oc, target)
    read = parts.read * in_passes
    weights = work.block_weights(work.out[2]) * work.groups * work.matrices * weight_passes
    traffic = {work.ifm.space: read}
    traffic[work.ofm.space] = traffic.get(work.ofm.space, 0) + parts.written
    for space, size in ((work.weights, weights), *work.params):
        traffic[space] = traffic.get(space, 0) + _port(space, target).in_bursts(size)
    return MacCost(max(parts.array, parts.output), parts.array, parts.output, tuple(traffic.items()))


@functools.lru_cache(maxsize=65536)
def mac_cost(work: MacWork, block: Block, order: LoopOrder, target: Target) -> MacCost:
    """Cost of `work` done in blocks of `block`.

    Raises:
        DoesNotFit: the block exceeds the accumulators.
    """
    if isinstance(target.array, MicroBlockArray):
        found = microblocks.block_cost(block_work(work), block, order is LoopOrder.PIXELS_OUTER, target)
        return MacCost(found.busy_cycles, found.array_cycles, found.output_cycles, found.traffic)
    height, width, channels = block
    if min(block) < 1:
        raise DoesNotFit("a block has no extent", found=block, wanted="at least 1x1x1")
    if height * width * channels * 4 > target.buffers.accumulator_bytes:
        raise DoesNotFit(
            f"the output block of an instruction exceeds the accumulators of {target.name}",
            found=f"block {height}x{width}x{channels}, {height * width * channels * 4} bytes",
            wanted=f"at most {target.buffers.accumulator_bytes} bytes",
        )
    return _finish(work, block, _parts(work, block, target), order, target)


def array_work(work: MacWork, block: Block, order: LoopOrder, target: Target) -> ArrayWork:
    """What the array does of `work` in blocks of `block`."""
    found = mac_cost(work, block, order, target)
    steps = target.array.activation_steps[work.ifm.element]
    return ArrayWork(work.macs, bool(work.channel_step), found.array_cycles, found.output_cycles, steps)


def block_work(work: MacWork) -> microblocks.BlockWork:
    """The same work as a machine of micro-blocks walks over it."""
    weights = work.weight_bytes or work.block_weights(work.out[2]) * work.groups
    scales = work.params[0][1] if work.params else 0
    return microblocks.BlockWork(
        task=microblocks.Task.DEPTHWISE if work.channel_step else microblocks.Task.CONV, repeats=work.groups * work.images, out=work.out,
        image=(*work.image, work.in_channels), kernel=work.kernel, strides=work.strides, dilation=work.dilation, inputs=(work.ifm,), ofm=work.ofm,
        kinds=(work.output_kind,), weights=(work.weights, ceil_div(weights, work.groups)),
        scales=(work.params[0][0] if work.params else Space.NONE, ceil_div(scales, work.groups)),
        table=work.params[1] if len(work.params) > 1 else (Space.NONE, 0),
    )  # fmt: skip


def block_refusals(work: MacWork, block: Block, order: LoopOrder, target: Target) -> Iterator[str]:
    """Why the core of `target` cannot do `work` in blocks of `block`."""
    if isinstance(target.array, MicroBlockArray):
        try:
            microblocks.block_cost(block_work(work), block, order is LoopOrder.PIXELS_OUTER, target)
        except DoesNotFit as error:
            yield f"block is {block}, wanted {error.wanted}"
        return
    size = block[0] * block[1] * block[2] * 4
    if size > target.buffers.accumulator_bytes:
        yield f"block {block} needs {size} bytes, the accumulators of {target.name} have {target.buffers.accumulator_bytes}"


def _port(space: Space, target: Target) -> Memory:
    return target.sram if space is Space.SRAM else target.dram


def _passes(work: MacWork, block: Block, order: LoopOrder, n_sp: int, n_oc: int, target: Target) -> tuple[int, int]:
    """How often the input and the weights pass the port."""
    buffers = target.buffers
    if order is LoopOrder.CHANNELS_OUTER:
        whole_input = work.image[0] * work.image[1] * work.in_channels * work.ifm.element * work.images
        kept = whole_input <= buffers.input_bytes or (n_sp == 1 and work.block_input(block) <= buffers.input_bytes)
        weights_kept = work.block_weights(block[2]) <= buffers.weight_bytes
    else:
        kept = work.block_input(block) <= buffers.input_bytes
        weights_kept = work.block_weights(work.out[2]) <= buffers.weight_bytes
    return 1 if kept or work.channel_step else n_oc, 1 if weights_kept else n_sp


_Pieces = tuple[tuple[int, int], ...]


def _blocks_bytes(layout: Layout, rows: _Pieces, columns: _Pieces, depths: _Pieces, burst: int) -> int:
    """Port bytes of all blocks of a view, cut into (size, count) pieces along each dimension."""
    total = 0
    for channels, count_c in depths:
        for width, count_w in columns:
            for height, count_h in rows:
                total += layout.run_bytes(height, width, channels, burst) * count_h * count_w * count_c
    return total


def choose_block(work: MacWork, target: Target) -> tuple[Block, LoopOrder]:
    """The block and loop order with the fewest cycles, then the least traffic, then the first found; pure.

    Candidates are multiples of the array's granule that cut each dimension into equal parts.
    """
    if isinstance(target.array, MicroBlockArray):
        found = microblocks.best_block(block_work(work), target)
        return found.block, LoopOrder.PIXELS_OUTER if found.part_kernel else LoopOrder.CHANNELS_OUTER
    return _choose_block(work, target)


@functools.lru_cache(maxsize=65536)
def _choose_block(work: MacWork, target: Target) -> tuple[Block, LoopOrder]:
    module = native.module()
    if module is None or work.macs >= _MAX_NATIVE_MACS:
        return choose_block_in_python(work, target)
    height, width, channels, order = module.choose_block(_work_numbers(work, target), _core_numbers(target))
    return ((height, width, channels), LoopOrder(order)) if height else choose_block_in_python(work, target)


# beyond, a figure might leave 64 bits
_MAX_NATIVE_MACS = 1 << 44


def _layout_numbers(layout: Layout) -> tuple[int, ...]:
    return layout.space is Space.DRAM, layout.element, *layout.strides


def _work_numbers(work: MacWork, target: Target) -> list[int]:
    """`work` as lib/isa/blocks.h takes it."""
    repeats = work.groups * work.images * work.matrices
    params: dict[Space, int] = dict.fromkeys((Space.SRAM, Space.DRAM), 0)
    for space, size in work.params:
        params[space] += _port(space, target).in_bursts(size)
    return [
        work.images, work.matrices, *work.out, work.in_channels, work.groups, work.channel_step, *work.kernel, *work.strides, *work.dilation,
        *work.image, *work.pads, *_layout_numbers(work.ifm), *_layout_numbers(work.ofm), work.weights is Space.DRAM,
        target.output.cycles(work.output_kind, work.out[0] * work.out[1] * work.out[2] * repeats), params[Space.SRAM], params[Space.DRAM],
        target.array.activation_steps[work.ifm.element],
    ]  # fmt: skip


@functools.cache
def _core_numbers(target: Target) -> list[int]:
    """The core of a spatial array as lib/isa/blocks.h takes it."""
    array, buffers = target.array, target.buffers
    assert isinstance(array, SpatialArray)
    ports = [(memory.burst_bytes, *memory.rate) for memory in (target.sram, target.dram)]
    return [
        *array.granule, array.out_channels, array.in_channels, array.depthwise_channels, buffers.input_bytes, buffers.weight_bytes,
        buffers.accumulator_bytes, *ports[0], *ports[1],
    ]  # fmt: skip


def choose_block_in_python(work: MacWork, target: Target) -> tuple[Block, LoopOrder]:
    """`choose_block` on a spatial array, as this file defines it.

    Raises:
        DoesNotFit: no block fits the accumulators.
    """
    array, buffers = target.array, target.buffers
    budget = buffers.accumulator_bytes // 4
    heights, widths, depths = (_steps(extent, granule) for extent, granule in zip(work.out, array.granule, strict=True))
    best, best_score = None, None
    for channels in depths:
        for width in widths:
            fitting = [height for height in heights if height * width * channels <= budget]
            if not fitting:
                continue
            # the tallest block has the least halo; the tallest whose input stays on the core saves passes
            kept = next((height for height in fitting if work.block_input((height, width, channels)) <= buffers.input_bytes), fitting[0])
            for height in {fitting[0], kept}:
                block = height, width, channels
                parts = _parts(work, block, target)
                if best_score is not None and max(parts.array, parts.output) > best_score[0]:
                    continue
                for order in LoopOrder:
                    cost = _finish(work, block, parts, order, target)
                    score = cost.cycles(target), sum(size for _, size in cost.traffic), -height * width, order
                    if best_score is None or score < best_score:
                        best, best_score = (block, order), score
    if best is None:
        raise DoesNotFit(
            f"the smallest block of {target.name}'s array exceeds its accumulators",
            found=f"{array.granule}, 4 bytes each", wanted=f"at most {buffers.accumulator_bytes} bytes",
        )  # fmt: skip
    return best


@functools.lru_cache(maxsize=4096)
def _steps(extent: int, granule: int) -> tuple[int, ...]:
    """Block extents worth a try, largest first: the dimension in 1, 2, 3, 4, 6, 8... equal parts, in whole granules."""
    whole = ceil_div(extent, granule)
    parts = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512, 1024)
    return tuple(sorted({ceil_div(whole, part) * granule for part in parts if part <= whole} | {granule}, reverse=True))


def pads_of(view: Operand) -> tuple[int, int]:
    """Top and left padding."""
    return view.pad[0], view.pad[2]


def dense_params(*views: Operand) -> tuple[tuple[Space, int], ...]:
    """Space and bytes of small operands read once."""
    return tuple((view.space, view.elements * view.dtype.bytes) for view in views if view.present)


def output_shape(padded: Shape4, kernel: tuple[int, int], strides: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    """Output rows and columns of a window walked over a padded view; 0 or less where it does not fit."""
    reach_h, reach_w = (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1
    return (padded[1] - reach_h) // strides[0] + 1, (padded[2] - reach_w) // strides[1] + 1


@dataclass(frozen=True)
class BlockedInstruction(Instruction):
    """An instruction of the MAC unit that walks over its output block by block; has the fields block_h, block_w, block_c and loop_order."""

    def work(self, target: Target) -> MacWork:
        """What the cost depends on."""
        raise TypeError(f"{type(self).__name__} does not say its work")

    def blocked(self, target: Target) -> Self:
        """The same instruction with the best block and loop order for `target`."""
        (height, width, channels), order = choose_block(self.work(target), target)
        return replace(self, block_h=height, block_w=width, block_c=channels, loop_order=order)

    def _blocks(self) -> tuple[Block, LoopOrder]:
        return (self.block_h, self.block_w, self.block_c), self.loop_order  # type: ignore[attr-defined]

    def cost(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Cycles and port bytes by block and loop order."""
        found = mac_cost(self.work(target), *self._blocks(), target)
        return found.busy_cycles, dict(found.traffic)

    def busy_cycles(self, target: Target) -> int:
        """max(array, output path) with the array's fill."""
        return self.cost(target)[0]

    def traffic(self, target: Target) -> dict[Space, int]:
        """Inputs and weights as often as blocks and buffers demand, the output once."""
        return self.cost(target)[1]

    def array_work(self, target: Target) -> ArrayWork:
        """All of it."""
        return array_work(self.work(target), *self._blocks(), target)
