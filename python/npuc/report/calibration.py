# SPDX-License-Identifier: Apache-2.0
"""Holds the parity presets against their public estimator: every layer alone, with Vela's own block, order, memories and weight bytes,
must cost at least what Vela reports for it. Nothing is compared before that holds.

Vela pads channels to bricks of 16 where it stores feature maps so; a layer here lies in bricks too and gets the padded channels, because
they are traffic and work that Vela's figures contain. Weights that Vela brings to SRAM come by DMA, slice by slice, and the layer runs
slice by slice. Scales are read where Vela counts them, off-chip. The timing engine adds it up.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from npuc import targets
from npuc.errors import DoesNotFit
from npuc.isa.base import BRICK, Command, DType, Instruction, Operand, Space
from npuc.isa.blocks import LoopOrder
from npuc.isa.conv2d import Conv2d
from npuc.isa.depthwise_conv2d import DepthwiseConv2d
from npuc.isa.dma import Dma
from npuc.isa.elementwise import Elementwise, ElementwiseKind
from npuc.isa.microblocks import best_block, block_cost
from npuc.isa.pool import Pool, PoolKind
from npuc.isa.reduce import Reduce, ReduceKind
from npuc.isa.table import Table
from npuc.ops.base import TensorType
from npuc.plan.commands import Location, view
from npuc.plan.synchronize import synchronize
from npuc.report.vela import Layer
from npuc.targets.base import MicroBlockArray, Target
from npuc.timing.engine import simulate

_DTYPES = {8: DType.I8, 16: DType.I16, 32: DType.I32}
_SUMS = {"Add": ElementwiseKind.ADD, "Sub": ElementwiseKind.SUB, "Mul": ElementwiseKind.MUL}
# what Vela does with i32 in a softmax that our elementwise instruction does not: as much work as a maximum of two
_STEPS = ("Asr", "SHL", "CLZ", "Minimum", "Maximum")
_MOVES = ("Quantize", "MemoryCopy", "Transpose", "Rescale", "LUT")
_POOLS = {"AvgPool": PoolKind.AVG, "MaxPool": PoolKind.MAX, "SumPool": PoolKind.AVG}
_TABLE_BYTES = {8: 256, 16: 2048, 32: 1024}


@dataclass(frozen=True)
class Charge:
    """What a layer costs here and what Vela reports for it, in cycles."""

    layer: Layer
    ours: int

    @property
    def ratio(self) -> float:
        return self.ours / max(self.layer.cycles, 1)


@dataclass(frozen=True)
class Row:
    """One kind of op on one preset."""

    preset: str
    op: str
    layers: int
    least: float
    median: float
    greatest: float


def _view(shape: tuple[int, ...], bits: int, on_chip: int, bricks: int, base: int) -> Operand:
    height, width, channels = shape
    depth = -(-channels // BRICK) * BRICK if bricks else channels
    space = Space.SRAM if on_chip else Space.DRAM
    return view(TensorType((1, height, width, depth), _DTYPES[bits].name.lower()), Location(space, base), bricks=bool(bricks))


def _kind(layer: Layer) -> str:
    return "LUT" if layer.op == "LUT" else layer.op


class Unknown(Exception):
    """An op that this table knows no instruction for."""


def _instruction(layer: Layer, target: Target, out_channels: int, weights: Operand, scales: Operand) -> Instruction:
    """The layer as one instruction; a MAC instruction with the given weights, for `out_channels` of its channels."""
    ifm = _view(layer.ifm, layer.ifm_bits, layer.ifm_on_chip, layer.ifm_bricks, 0)
    ofm = _view(layer.ofm, layer.ofm_bits, layer.ofm_on_chip, layer.ofm_bricks, 1 << 28)
    if out_channels != layer.ofm[2]:
        whole = out_channels > BRICK and out_channels % BRICK == 0
        ofm = replace(ofm, shape=(*ofm.shape[:3], out_channels), brick_stride=ofm.brick_stride if whole else 0)
    table = Operand.dense(Space.SRAM, 1 << 29, (1, 1, 1, _TABLE_BYTES[layer.ofm_bits])) if layer.fused == "table" else Operand.absent()
    height, width, channels = layer.block
    if layer.op in ("Conv2D", "FullyConnected"):
        return Conv2d(
            ifm=ifm, weights=weights, scales=scales, table=table, ofm=ofm, stride_h=layer.stride[0], stride_w=layer.stride[1],
            dilation_h=layer.dilation[0], dilation_w=layer.dilation[1], block_h=height, block_w=width, block_c=channels,
            loop_order=LoopOrder.PIXELS_OUTER if layer.part_kernel else LoopOrder.CHANNELS_OUTER,
            packed=1, kernel_h=layer.kernel[0], kernel_w=layer.kernel[1],
        )  # fmt: skip
    if layer.op == "DepthwiseConv2D":
        return DepthwiseConv2d(
            ifm=ifm, weights=weights, scales=scales, table=table, ofm=ofm, stride_h=layer.stride[0], stride_w=layer.stride[1],
            dilation_h=layer.dilation[0], dilation_w=layer.dilation[1], block_h=height, block_w=width, block_c=channels,
            packed=1, kernel_h=layer.kernel[0], kernel_w=layer.kernel[1],
        )  # fmt: skip
    if layer.op in _POOLS:
        return Pool(
            kind=_POOLS[layer.op], ifm=ifm, ofm=ofm, kernel_h=layer.kernel[0], kernel_w=layer.kernel[1],
            stride_h=layer.stride[0], stride_w=layer.stride[1], lo=-127 if layer.fused else -128,
        )  # fmt: skip
    if layer.op == "ReduceSum":
        return Reduce(kind=ReduceKind.SUM, ifm=ifm, ofm=ofm, reduce_c=1, raw=1)
    if layer.op in _MOVES:
        if layer.fused == "table" or layer.op == "LUT":
            entries = Operand.dense(Space.SRAM, 1 << 29, (1, 1, 1, _TABLE_BYTES[layer.ofm_bits]))
            return Table(ifm=ifm, table=entries, ofm=ofm)
        return Elementwise(kind=ElementwiseKind.COPY, a=ifm, ofm=ofm)
    if layer.op in _SUMS or layer.op in _STEPS:
        # what is broadcast is fetched as often as it is used, in bricks where one side has bricks
        bricks = layer.ifm_bricks | layer.ofm_bricks
        ofm = _view(layer.ofm, layer.ofm_bits, layer.ofm_on_chip, bricks, ofm.base)
        a = replace(ifm, shape=ofm.shape)
        second = _view(layer.ifm2, layer.ifm2_bits, layer.ifm2_on_chip, layer.ifm2_bricks, 1 << 27) if any(layer.ifm2) else a
        return Elementwise(kind=_SUMS.get(layer.op, ElementwiseKind.MAXIMUM), a=a, b=replace(second, shape=ofm.shape), ofm=ofm)
    raise Unknown(layer.op)


def commands_of(layer: Layer, target: Target) -> list[Command]:
    """The layer alone: transfers of its weights or table, and the instruction, slice by slice."""
    core, dma = target.queues["mac"][0], target.queues["dma"][0]
    if layer.op not in ("Conv2D", "FullyConnected", "DepthwiseConv2D"):
        one = Command(_instruction(layer, target, layer.ofm[2], Operand.absent(), Operand.absent()), core)
        if layer.fused == "table" or layer.op == "LUT":
            source, entries = (Operand.dense(space, 1 << 29, (1, 1, 1, _TABLE_BYTES[layer.ofm_bits])) for space in (Space.DRAM, Space.SRAM))
            return [Command(Dma(src=source, dst=entries), dma), one]
        return [one]
    slices = layer.slices if len(layer.slices) > 1 else (0, layer.ofm[2])
    if layer.op == "DepthwiseConv2D" or not layer.buffered:
        # its weights are few; cut into slices it would not even pay for whole micro-blocks, as Vela counts it
        slices = (0, slices[-1])
    found: list[Command] = []
    for number, (channels, records) in enumerate(zip(_sizes(slices), _scale_bytes(layer, slices, target), strict=True)):
        size = -(-layer.weight_bytes * channels // slices[-1])
        base = (1 << 30) + (number << 20)
        weights = Operand.dense(Space.DRAM, base, (1, 1, 1, size))
        if layer.buffered:
            # scales travel with the weights, though they are counted off-chip when read; two buffers take turns
            weights = Operand.dense(Space.SRAM, (1 << 26) + (number % 2 << 24), weights.shape)
            source = Operand.dense(Space.DRAM, base, (1, 1, 1, size + records))
            found.append(Command(Dma(src=source, dst=Operand.dense(Space.SRAM, weights.base, source.shape)), dma))
        scales = Operand.dense(Space.DRAM, (1 << 30) + (1 << 29), (1, 1, 1, records))
        found += [Command(one, core) for one in _striped(_instruction(layer, target, channels, weights, scales), layer, target)]
    return found


def _sizes(slices: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(stop - start for start, stop in zip(slices[:-1], slices[1:], strict=True))


def _scale_bytes(layer: Layer, slices: tuple[int, ...], target: Target) -> tuple[int, ...]:
    """Records of 10 bytes of every slice, as each core stores its own: aligned."""
    assert isinstance(target.array, MicroBlockArray)
    if layer.scale_bytes and len(slices) == 2:
        return (layer.scale_bytes,)
    cores = target.array.cores
    return tuple(sum(-(-10 * len(range(core, size, cores)) // 16) * 16 for core in range(cores)) for size in _sizes(slices))


def _striped(one: Instruction, layer: Layer, target: Target) -> Iterator[Instruction]:
    """The instruction; where its block fits stripes only, as many of those; in a shorter block where that does not fit either."""
    assert isinstance(one, Conv2d | DepthwiseConv2d)
    if _fits(one, target):
        yield one
        return
    rows = layer.stripe_rows
    _, height, width, depth = one.ofm.shape
    stripes = []
    for start in range(0, height, rows):
        count = min(rows, height - start)
        need = min((count - 1) * layer.stride[0] + (layer.kernel[0] - 1) * layer.dilation[0] + 1, one.ifm.shape[1])
        ifm = replace(one.ifm, shape=(1, need, *one.ifm.shape[2:]))
        stripes.append(replace(one, ifm=ifm, ofm=replace(one.ofm, shape=(1, count, width, depth))))
    if all(_fits(stripe, target) for stripe in stripes):
        yield from stripes
        return
    # Vela also enlarges inputs on the way in, which need less room than any here: the tallest block that fits
    step = target.array.granule[0]
    for block_h in range(layer.block[0], 0, -step):
        shorter = replace(one, block_h=block_h)
        if _fits(shorter, target):
            yield shorter
            return
    yield one.blocked(target)


def _fits(one: Instruction, target: Target) -> bool:
    try:
        one.cost(target)
    except DoesNotFit:
        return False
    return True


def charge(layer: Layer, target: Target | None = None) -> Charge:
    """What the simulator charges the layer.

    Raises:
        Unknown: no instruction here does what the op does.
    """
    target = target or targets.get(layer.preset)
    ours = _alone(layer, target)
    if ours < layer.cycles and layer.buffered and layer.ofm_on_chip and target.dram.writable:
        # the report adds what the scheduler thought before it moved the output on chip
        ours = max(ours, _alone(replace(layer, ofm_on_chip=0), target))
    return Charge(layer, ours)


def _alone(layer: Layer, target: Target) -> int:
    """Cycles from the first transfer to the last byte of the output."""
    commands = commands_of(layer, target)
    last = commands[-1].instruction
    if not isinstance(last, Elementwise | Pool | Reduce | Table):
        return simulate(synchronize(commands, target), target).total_cycles
    # one after the other: what a machine would choose for the last one's block does not count, Vela's does
    before = sum(command.instruction.cycles(target) for command in commands[:-1])
    return before + _in_block(last, layer, target)


def _in_block(one: Elementwise | Pool | Reduce | Table, layer: Layer, target: Target) -> int:
    """Cycles of an instruction without a block of its own, in Vela's block where that fits."""
    work = one.block_work()
    if layer.fused == "table":
        work = replace(work, kinds=(*work.kinds, "table"))
    try:
        cost = block_cost(work, (layer.block[0], layer.block[1], layer.block[2]), False, target)
    except DoesNotFit:
        cost = best_block(work, target)
    ports = ((target.sram if space is Space.SRAM else target.dram).cycles(size) for space, size in cost.traffic)
    return one.latency(target) + max(cost.busy_cycles, *ports)


def charges(layers: Sequence[Layer]) -> tuple[list[Charge], list[str]]:
    """The charge of every layer, and the ops that have none here."""
    found, unknown = [], set()
    for layer in layers:
        try:
            found.append(charge(layer))
        except Unknown as error:
            unknown.add(str(error))
    return found, sorted(unknown)


def rows(found: Sequence[Charge]) -> tuple[Row, ...]:
    """One row for each preset and kind of op."""
    groups: dict[tuple[str, str], list[float]] = {}
    for one in found:
        groups.setdefault((one.layer.preset, _kind(one.layer)), []).append(one.ratio)
    return tuple(
        Row(preset, op, len(ratios), min(ratios), statistics.median(ratios), max(ratios)) for (preset, op), ratios in sorted(groups.items())
    )


def holds(found: Sequence[Charge]) -> bool:
    """Whether no layer is cheaper here than Vela reports."""
    return bool(found) and all(one.ours >= one.layer.cycles for one in found)
