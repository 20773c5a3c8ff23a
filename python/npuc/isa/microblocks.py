# SPDX-License-Identifier: Apache-2.0
"""What an instruction costs on a machine that works block by block in micro-blocks, as the parity machines do.

The rules are those of the published estimator of these machines (regor, in ethos-u-vela 5.2.0; facts, no code): an instruction never
costs less than it charges for the same block. With a block clipped to the output, n = micro-blocks of the output / those of a block
(a fraction), and everything in cycles,

    array    a micro-block step takes max(32, 4 * micro-blocks in the plane); convolutions take KH*KW steps for every 32 input channels
             (depth-first) or ceil(KH*KW / 4) * ceil(channels / 8) for every 16 (part-kernel), whichever is cheaper and fits; depthwise
             ceil(KH*KW / 4); pooling max(4, KH*KW) * 4 a micro-block; kernels in parts of 8 x 8; 2 more a step where the plane is one
             micro-block; divided over the cores
    output   elements of the block times the rate of the output path, at least what reading its scales takes
    issue    (|output transfer - input transfer| + array + output) / 4, a floor for both
    core     n * max(array, output) + min(array, output) + transfer of the first input block + transfer of the last output block; before
             them a table: a byte a cycle where looking up is all that is done, else at the rate of its port

and the bytes of a port: the input block, unclipped by padding, once for every output block; the output; weights and scales once for
every block of pixels; each inflated by burst / contiguous bytes. The core and the ports run at once.

Everything is computed for many candidate blocks in one go.
"""

import enum
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np

from npuc.errors import DoesNotFit, InternalError
from npuc.isa.base import BRICK, Operand, Space
from npuc.targets.base import Block, Memory, MicroBlockArray, Target, ceil_div

KERNEL_PART = 8
"""Rows and columns of a kernel that pass the array at once."""

MAX_BLOCK: Block = (32, 64, 128)
"""Largest output block."""

BANK_BYTES = 1024
RESERVED_BANKS = 4
"""Banks of the on-core buffer that hold finished outputs and tables."""


class Task(enum.Enum):
    """Which walk over the blocks an instruction is."""

    CONV = "conv"
    DEPTHWISE = "depthwise"
    POOL = "pool"
    REDUCE = "reduce"
    ELEMENTWISE = "elementwise"


@dataclass(frozen=True)
class Layout:
    """Where a view lies and how its elements follow one another; strides in bytes along H, W, C, and whether C is in bricks."""

    space: Space
    element: int
    strides: tuple[int, int, int]
    bricks: bool = False

    @classmethod
    def of(cls, view: Operand) -> Self:
        """The layout of `view`."""
        return cls(view.space, view.dtype.bytes, view.strides[1:], bool(view.brick_stride))

    def read_run(self, width: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Contiguous bytes of an input block: its columns in bricks, or where a pixel is as deep as the block, else a pixel's channels."""
        if self.bricks:
            return self._brick_run(width)
        if self.strides[2] != self.element:
            return np.full_like(depth, self.element)
        return np.where(self.strides[1] == depth * self.element, depth * width, depth) * self.element

    def _brick_run(self, width: np.ndarray) -> np.ndarray:
        """Contiguous bytes of a brick of a block: its columns, where none are left out between them."""
        pixel = BRICK * self.element
        return pixel * (width if self.strides[1] == pixel else np.ones_like(width))

    def write_run(self, width: np.ndarray, depth: np.ndarray, cores: int) -> np.ndarray:
        """Contiguous bytes of an output block: 16 channels a core, at most 64 bytes; whole rows in bricks, or where a pixel is one."""
        if self.bricks:
            return self._brick_run(width) * cores
        if self.strides[2] != self.element:
            return np.full_like(depth, self.element)
        whole = (depth <= BRICK) & (self.strides[1] == depth * self.element)
        some = np.minimum(min(64, BRICK * self.element * cores), depth * self.element)
        return np.where(whole, depth * width * self.element, some)


@dataclass(frozen=True)
class BlockWork:
    """An instruction reduced to what its cost depends on.

    Attributes:
        repeats: how often the whole walk is done (images, groups).
        out: H, W, C of one walk's output.
        image: H, W, C of one walk's input, padding excluded.
        inputs: one layout for each input that is no scalar.
        kinds: what the output path does, as `OutputPath` names it; the slowest counts.
        weights: memory and bytes of the weights of one walk, as they are stored.
        scales: memory and bytes of the scales of one walk.
        once: memory and bytes of what is read once an instruction.
        table: memory and bytes of a table; it enters the core before the first block.
    """

    task: Task
    repeats: int
    out: Block
    image: Block
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    inputs: tuple[Layout, ...]
    ofm: Layout
    kinds: tuple[str, ...]
    weights: tuple[Space, int] = (Space.NONE, 0)
    scales: tuple[Space, int] = (Space.NONE, 0)
    once: tuple[tuple[Space, int], ...] = ()
    table: tuple[Space, int] = (Space.NONE, 0)


@dataclass(frozen=True)
class BlockCost:
    """The chosen block with its cycles and port bytes.

    Attributes:
        array_cycles, output_cycles: of all blocks, without fill and drain; what a ledger of lost cycles needs.
    """

    block: Block
    part_kernel: bool
    busy_cycles: int
    array_cycles: int
    output_cycles: int
    traffic: tuple[tuple[Space, int], ...]


def _up(value: np.ndarray, step: int) -> np.ndarray:
    return -(-value // step) * step


def _over(value: np.ndarray, divisor: np.ndarray | int) -> np.ndarray:
    return -(-value // divisor)


def _port(space: Space, target: Target) -> Memory:
    return target.sram if space is Space.SRAM else target.dram


def _port_cycles(memory: Memory, size: np.ndarray) -> np.ndarray:
    rate = memory.bytes_per_cycle
    return _over(size * rate.denominator, rate.numerator)


def _inflated(memory: Memory, size: np.ndarray, run: np.ndarray) -> np.ndarray:
    """Port bytes of `size` bytes that come in pieces of `run`."""
    return _over(size * memory.burst_bytes, np.minimum(run, memory.burst_bytes))


def _timed(rate: Fraction, elements: np.ndarray) -> np.ndarray:
    return _over(elements * rate.numerator, rate.denominator)


def kernel_parts(kernel: tuple[int, int]) -> tuple[int, ...]:
    """Taps of each part of the kernel."""
    rows = [min(KERNEL_PART, kernel[0] - start) for start in range(0, kernel[0], KERNEL_PART)]
    columns = [min(KERNEL_PART, kernel[1] - start) for start in range(0, kernel[1], KERNEL_PART)]
    return tuple(height * width for height in rows for width in columns)


def micro_block(work: BlockWork, array: MicroBlockArray) -> Block:
    """Extents of a micro-block; a one-row convolution of even width lays two rows side by side."""
    height, width, channels = array.ublock
    flat = height == 2 and work.task is Task.CONV and work.out[0] == 1 and work.out[1] % 2 == 0 and work.kernel[0] == 1
    return (1, width * 2, channels) if flat else (height, width, channels)


@dataclass(frozen=True)
class _Walk:
    """The arrays of one evaluation: candidates along axis 0."""

    work: BlockWork
    target: Target
    blocks: np.ndarray
    part_kernel: bool

    @property
    def array(self) -> MicroBlockArray:
        assert isinstance(self.target.array, MicroBlockArray)
        return self.target.array

    @property
    def rate(self) -> Fraction:
        """Cycles of an output element."""
        return max(self.target.output.rate(kind) for kind in self.work.kinds)

    @functools.cached_property
    def clipped(self) -> np.ndarray:
        return np.minimum(self.blocks, self.work.out)

    @functools.cached_property
    def pass_depth(self) -> np.ndarray:
        """Channels of an input block."""
        if self.work.task in (Task.CONV, Task.REDUCE):
            most = self.array.part_kernel_channels if self.part_kernel else self.array.depth_first_channels
            return np.full(len(self.blocks), ceil_div(min(self.work.image[2], most), 8) * 8)
        return self.blocks[:, 2]

    @functools.cached_property
    def input_block(self) -> np.ndarray:
        """Rows and columns of an input block."""
        reach = [min((taps - 1) * apart + 1, KERNEL_PART) for taps, apart in zip(self.work.kernel, self.work.dilation, strict=True)]
        plane = (self.blocks[:, :2] - 1) * self.work.strides + reach
        return -(-plane // self.array.ublock[:2]) * self.array.ublock[:2]

    @functools.cached_property
    def fits(self) -> np.ndarray:
        """Where the block's inputs and sums fit the on-core buffer, both twice."""
        array, work = self.array, self.work
        element = max(layout.element for layout in work.inputs)
        size = self.input_block.prod(axis=1) * _up(self.pass_depth * element, 8)
        granule = array.wide_granule if element == 4 else array.input_granule
        banks = _up(2 * _over(size, BANK_BYTES), granule)
        if work.task is Task.ELEMENTWISE:
            return RESERVED_BANKS + banks * min(len(work.inputs), 2) <= array.buffer_banks
        one_row = work.task is Task.CONV and work.out[0] == 1 and work.kernel[0] == 1
        rows = np.minimum(self.blocks[:, 0], 1) if one_row else self.blocks[:, 0]
        sums = rows * self.blocks[:, 1] * _up(self.blocks[:, 2], 8) * 4
        return RESERVED_BANKS + banks + _up(2 * _over(sums, BANK_BYTES), array.wide_granule) <= array.buffer_banks

    @functools.cached_property
    def micro_blocks(self) -> tuple[np.ndarray, np.ndarray]:
        """Micro-blocks in the plane and in the depth of a block."""
        unit = micro_block(self.work, self.array)
        count = -(-self.clipped // unit)
        return count[:, 0] * count[:, 1], count[:, 2]

    @functools.cached_property
    def block_count(self) -> tuple[int, np.ndarray]:
        """Blocks as a fraction: micro-blocks of the output over those of a block."""
        unit = micro_block(self.work, self.array)
        whole = 1
        for extent, step in zip(self.work.out, unit, strict=True):
            whole *= ceil_div(extent, step)
        plane, depth = self.micro_blocks
        return whole, plane * depth

    def array_cycles(self) -> np.ndarray:
        """Array cycles of one block."""
        work, array = self.work, self.array
        plane, depth = self.micro_blocks
        element = work.inputs[0].element
        total = np.zeros(len(self.blocks), np.int64)
        step = np.maximum(32 * (array.ublock[2] // 8), 4 * plane)
        slices = 1
        if self.part_kernel:
            slices = ceil_div(min(work.image[2], array.part_kernel_channels), 8)
        for taps in kernel_parts(work.kernel):
            steps = taps
            if work.task is Task.POOL:
                total += max(4, taps) * plane * depth * 4 * element
                steps = 1
            elif work.task is Task.DEPTHWISE:
                steps = ceil_div(taps, 4)
                total += np.maximum(32 * (array.ublock[2] // 8), 4 * plane * element) * steps * depth
            elif self.part_kernel:
                steps = ceil_div(taps, 4)
                total += step * steps * depth * slices
            else:
                total += step * steps * depth
            delay = np.where(depth == 1, 2 * steps, 2 * (steps - 1) * depth) * slices
            total += np.where(plane == 1, delay, 0)
        if work.task in (Task.CONV, Task.REDUCE):
            most = array.part_kernel_channels if self.part_kernel else array.depth_first_channels
            total = total * ceil_div(work.image[2], min(work.image[2], most))
        return _over(total, array.cores)

    def output_cycles(self) -> np.ndarray:
        """Output path cycles of one block; the scales of its channels are read meanwhile."""
        cycles = _timed(self.rate, self.clipped.prod(axis=1))
        space, size = self.work.scales
        if not size:
            return cycles
        return np.maximum(cycles, _over(10 * self.clipped[:, 2] * _port(space, self.target).read_latency, 256))

    def transfers(self) -> tuple[np.ndarray, np.ndarray]:
        """Cycles to bring an input block and to take an output block away, latency excluded."""
        work = self.work
        plane = np.minimum(self.input_block, work.image[:2]).prod(axis=1) * np.minimum(self.pass_depth, work.image[2])
        brought = np.zeros(len(self.blocks), np.int64)
        for layout in work.inputs:
            memory = _port(layout.space, self.target)
            run = layout.read_run(self.input_block[:, 1], self.pass_depth)
            brought = np.maximum(brought, _port_cycles(memory, _inflated(memory, plane * layout.element, run)))
        memory = _port(work.ofm.space, self.target)
        run = work.ofm.write_run(self.blocks[:, 1], self.blocks[:, 2], self.array.cores)
        return brought, _port_cycles(memory, _inflated(memory, self.clipped.prod(axis=1) * work.ofm.element, run))

    def latencies(self) -> tuple[int, int]:
        """Of the slowest input and of the output."""
        read = max((_port(layout.space, self.target).read_latency for layout in self.work.inputs), default=0)
        return read, _port(self.work.ofm.space, self.target).write_latency

    def core_cycles(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(all, array, output) cycles of one walk; the read latency is the instruction's own and left out."""
        array, output = self.array_cycles(), self.output_cycles()
        brought, taken = self.transfers()
        read, write = self.latencies()
        # a write off-chip is in the instruction's latency already
        drain = taken + (write if self.work.ofm.space is Space.SRAM else 0)
        whole, each = self.block_count
        if self.work.task is Task.ELEMENTWISE:
            return self._elementwise(brought + read, taken + write)
        gap = np.where(whole > each, np.abs(taken + write - brought - read), 0)
        issue = _over(gap + array + output, 4)
        slow, fast = np.maximum(array, output), np.minimum(array, output)
        cycles = _over(np.maximum(slow, issue) * whole, each) + np.maximum(fast, issue) + brought + drain
        return cycles, _over(array * whole, each), _over(output * whole, each)

    def _elementwise(self, brought: np.ndarray, taken: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Elements at the rate of the output path, or a quarter of rate and block transfer."""
        height, width, channels = self.work.out
        elements = height * width * channels
        rate = self.rate
        output = np.full(len(self.blocks), ceil_div(elements * rate.numerator, rate.denominator))
        size = self.blocks.prod(axis=1)
        issue = _over(elements * (np.maximum(brought, taken) * rate.denominator + rate.numerator * size), 4 * rate.denominator * size)
        return np.maximum(output, issue), np.zeros_like(output), output

    def traffic(self) -> dict[Space, np.ndarray]:
        """Port bytes of the whole instruction."""
        work, target = self.work, self.target
        total: dict[Space, np.ndarray] = {}

        def add(space: Space, size: np.ndarray) -> None:
            if space is not Space.NONE:
                total[space] = total.get(space, np.zeros(len(self.blocks), np.int64)) + size

        counts = -(-np.array(work.out) // self.clipped)
        spatial, deep = counts[:, 0] * counts[:, 1], counts[:, 2]
        if work.task is Task.ELEMENTWISE:
            fetched = np.full(len(self.blocks), work.out[0] * work.out[1] * work.out[2])
        else:
            again = deep if work.task in (Task.CONV, Task.REDUCE) else 1
            parts = len(kernel_parts(work.kernel))
            fetched = np.minimum(self.input_block, work.image[:2]).prod(axis=1) * work.image[2] * parts * spatial * again
        for layout in work.inputs:
            memory = _port(layout.space, target)
            run = layout.read_run(self.input_block[:, 1], self.pass_depth)
            add(layout.space, _inflated(memory, fetched * layout.element, run) * work.repeats)
        memory = _port(work.ofm.space, target)
        run = work.ofm.write_run(self.blocks[:, 1], self.blocks[:, 2], self.array.cores)
        written = np.full(len(self.blocks), work.out[0] * work.out[1] * work.out[2] * work.ofm.element)
        add(work.ofm.space, _inflated(memory, written, run) * work.repeats)
        for space, size in (work.weights, work.scales):
            add(space, size * spatial * work.repeats)
        for space, size in (*work.once, work.table):
            if not size:
                continue
            add(space, np.full(len(self.blocks), _port(space, target).in_bursts(size)))
        return total


def _table_cycles(work: BlockWork, target: Target) -> int:
    """What a table takes on its way in. The estimator charges a byte a cycle to an op that is a table, and nothing to one that has one fused."""
    space, size = work.table
    if not size or work.task is Task.POOL:
        return size
    memory = _port(space, target)
    return memory.cycles(memory.in_bursts(size))


def _evaluate(work: BlockWork, blocks: np.ndarray, orders: Sequence[bool], target: Target) -> BlockCost | None:
    """The best of `blocks`: fewest cycles, then fewest bytes, then the first; None where none fits.

    Args:
        orders: part-kernel or not, what may be chosen.
    """
    best, best_score = None, None
    for part_kernel in orders:
        walk = _Walk(work, target, blocks, part_kernel)
        fits = walk.fits
        if not fits.any():
            continue
        walk = _Walk(work, target, blocks[fits], part_kernel)
        core, array, output = (part * work.repeats for part in walk.core_cycles())
        core = core + _table_cycles(work, target)
        traffic = walk.traffic()
        cycles = core
        size = np.zeros(len(core), np.int64)
        for space, moved in traffic.items():
            cycles = np.maximum(cycles, _port_cycles(_port(space, target), moved))
            size = size + moved
        chosen = int(np.lexsort((size, core, cycles))[0])
        score = int(cycles[chosen]), int(core[chosen]), int(size[chosen])
        if best_score is None or score < best_score:
            height, width, channels = (int(extent) for extent in walk.blocks[chosen])
            moved = tuple((space, int(values[chosen])) for space, values in traffic.items())
            best_score = score
            best = BlockCost((height, width, channels), part_kernel, int(core[chosen]), int(array[chosen]), int(output[chosen]), moved)
    return best


# what best_block found last: its cost is asked for next
_chosen: dict[tuple[BlockWork, Target], BlockCost] = {}
_MOST_CHOSEN = 65536


@functools.lru_cache(maxsize=65536)
def block_cost(work: BlockWork, block: Block, part_kernel: bool, target: Target) -> BlockCost:
    """Cost of `work` done in blocks of `block`.

    Raises:
        DoesNotFit: the block is no whole number of micro-blocks, or exceeds the on-core buffer.
    """
    chosen = _chosen.get((work, target))
    if chosen is not None and chosen.block == block and chosen.part_kernel == part_kernel:
        return chosen
    problem = next(iter(block_problems(work, block, target)), "")
    found = None if problem else _evaluate(work, np.array([block], np.int64), (part_kernel and work.task is Task.CONV,), target)
    if found is None:
        raise DoesNotFit(
            f"the output block of an instruction does not fit the core of {target.name}", found=f"block {'x'.join(map(str, block))}",
            wanted=problem or "input and sums, both twice, within the on-core buffer",
        )  # fmt: skip
    return found


def block_problems(work: BlockWork, block: Block, target: Target) -> list[str]:
    """Why the core of `target` cannot work in blocks of `block`."""
    array = target.array
    if not isinstance(array, MicroBlockArray):
        raise InternalError(f"{target.name} does not work in micro-blocks")
    if min(block) < 1 or any(extent % step for extent, step in zip(block, array.ublock, strict=True)):
        return [f"a multiple of {'x'.join(map(str, array.ublock))}"]
    if any(extent > most for extent, most in zip(block, MAX_BLOCK, strict=True)):
        return [f"at most {'x'.join(map(str, MAX_BLOCK))}"]
    return []


@functools.lru_cache(maxsize=65536)
def best_block(work: BlockWork, target: Target) -> BlockCost:
    """The block with the fewest cycles, then the least traffic, then the first found; pure.

    Raises:
        DoesNotFit: not even one micro-block fits.
    """
    assert isinstance(target.array, MicroBlockArray)
    orders = (False, True) if work.task is Task.CONV else (False,)
    found = _evaluate(work, candidates(work.out, target.array.ublock), orders, target)
    if found is not None:
        if len(_chosen) >= _MOST_CHOSEN:
            _chosen.clear()
        _chosen[work, target] = found
    if found is None:
        raise DoesNotFit(f"the smallest block of {target.name} exceeds its on-core buffer", found=work.kernel, wanted="a smaller kernel")
    return found


@functools.lru_cache(maxsize=4096)
def candidates(out: Block, unit: Block) -> np.ndarray:
    """Blocks worth a try, i64 [n, 3]: each dimension in equal parts of whole micro-blocks; depths that are no whole output in bricks."""
    heights, widths, depths = (
        _steps(extent, step, most) for extent, step, most in zip(out, (unit[0], unit[1], BRICK), MAX_BLOCK, strict=True)
    )
    whole = ceil_div(out[2], unit[2]) * unit[2]
    depths = sorted({whole if depth >= out[2] else depth for depth in depths}, reverse=True)
    grid = np.meshgrid(np.array(depths), np.array(widths), np.array(heights), indexing="ij")
    return np.stack([grid[2].ravel(), grid[1].ravel(), grid[0].ravel()], axis=1).astype(np.int64)


def _steps(extent: int, step: int, most: int) -> Sequence[int]:
    whole = ceil_div(extent, step)
    equal = {ceil_div(whole, parts) * step for parts in range(1, min(whole, 64) + 1)}
    return sorted((size for size in equal | {step} if size <= most), reverse=True)


def walked(work: BlockWork, target: Target) -> tuple[int, dict[Space, int]]:
    """Cycles and port bytes of `work` in its best blocks, for instructions whose block is the core's own choice."""
    found = best_block(work, target)
    return found.busy_cycles, dict(found.traffic)


def in_turn(parts: Sequence[tuple[BlockWork, int]], target: Target) -> tuple[int, dict[Space, int]]:
    """Cycles and port bytes of a sequence of basic walks, each (work, times); the ports' time is in the cycles, walk by walk."""
    cycles, total = 0, dict[Space, int]()
    for work, times in parts:
        core, traffic = walked(work, target)
        latency = max(_port(layout.space, target).read_latency for layout in work.inputs)
        cycles += times * (latency + max(core, *(int(_port(space, target).cycles(size)) for space, size in traffic.items())))
        for space, size in traffic.items():
            total[space] = total.get(space, 0) + times * size
    return cycles, total


def _table(table: Operand | None) -> tuple[Space, int]:
    return (table.space, table.elements * table.dtype.bytes) if table is not None and table.present else (Space.NONE, 0)


def pointwise(inputs: Sequence[Operand], ofm: Operand, *kinds: str, table: Operand | None = None) -> BlockWork:
    """One result an element on the output path; an input of one value costs nothing."""
    images, height, width, channels = ofm.shape
    layouts = tuple(Layout.of(view) for view in inputs if view.present and (view.elements > 1 or ofm.elements == 1))
    return BlockWork(
        task=Task.ELEMENTWISE, repeats=images, out=(height, width, channels), image=(height, width, channels), kernel=(1, 1), strides=(1, 1),
        dilation=(1, 1), inputs=layouts or (Layout.of(inputs[0]),), ofm=Layout.of(ofm), kinds=kinds, table=_table(table),
    )  # fmt: skip


def pooled(
    ifm: Operand, ofm: Operand, kernel: tuple[int, int], strides: tuple[int, int], *kinds: str,
    scales: Operand | None = None, table: Operand | None = None,
) -> BlockWork:  # fmt: skip
    """A window over each channel, on the array. Moving and rescaling are windows of one position."""
    images, height, width, channels = ofm.shape
    once = ((scales.space, scales.elements * scales.dtype.bytes),) if scales is not None and scales.present else ()
    return BlockWork(
        task=Task.POOL, repeats=images, out=(height, width, channels), image=ifm.shape[1:], kernel=kernel, strides=strides, dilation=(1, 1),
        inputs=(Layout.of(ifm),), ofm=Layout.of(ofm), kinds=kinds, once=once, table=_table(table),
    )  # fmt: skip


def summed(ifm: Operand, ofm: Operand, kernel: tuple[int, int], *kinds: str) -> BlockWork:
    """A sum over all channels, and over a window, on the array."""
    images, height, width, _ = ofm.shape
    return BlockWork(
        task=Task.REDUCE, repeats=images, out=(height, width, 1), image=ifm.shape[1:], kernel=kernel, strides=(1, 1), dilation=(1, 1),
        inputs=(Layout.of(ifm),), ofm=Layout.of(ofm), kinds=kinds,
    )  # fmt: skip
