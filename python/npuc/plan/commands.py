# SPDX-License-Identifier: Apache-2.0
"""From placed tiles to commands: operands as views of buffers, queues by kind of work.

Both the planner (to price a schedule) and the lowering (to make the program) come through here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from npuc.isa.base import BRICK, Command, DType, Instruction, Operand, Space
from npuc.isa.dma import Dma
from npuc.ops._views import CHANNELS, part
from npuc.ops.base import OpSpec, Region, TensorType
from npuc.targets.base import Target


@dataclass(frozen=True)
class Location:
    """Where a tensor lies: memory, byte offset, rows of the ring (0: whole)."""

    space: Space
    offset: int
    ring_rows: int = 0


def can_lie_in_bricks(tensor: TensorType) -> bool:
    """Whether bricks of channels are whole, and another order than N, H, W, C."""
    return len(tensor.shape) <= 4 and tensor.nhwc[3] % BRICK == 0 and tensor.nhwc[3] > BRICK and tensor.nhwc[2] > 1


def as_words(tensor: TensorType) -> TensorType:
    """What the machine sees of a tensor: no instruction knows i64, so each is two i32 along the last dimension, the low word first."""
    if tensor.dtype != "i64":
        return tensor
    *outer, last = tensor.shape or (1,)
    return TensorType((*outer, 2 * last), "i32")


def view(tensor: TensorType, where: Location, region: Region | None = None, bricks: bool = False) -> Operand:
    """The operand for `region` of `tensor`, whose buffer lies at `where`.

    Args:
        bricks: each row of the buffer holds its channels in bricks of 16, all pixels of a brick before the next.

    Raises:
        InternalError: the region cuts through bricks.
    """
    if tensor.dtype == "i64":
        if region:
            region = (*region[:-1], (2 * region[-1][0], 2 * region[-1][1]))
        tensor = as_words(tensor)
        region = region or None
    n, height, width, channels = tensor.nhwc
    dtype = DType[tensor.dtype.upper()]
    element = dtype.bytes
    held = where.ring_rows or height
    bricks = bricks and can_lie_in_bricks(tensor)
    pixel = BRICK if bricks else channels
    strides = (held * width * channels * element, width * channels * element, pixel * element, element)
    padded = (((0, 1),) * (4 - len(tensor.shape)) + tuple(region)) if region is not None else tuple((0, extent) for extent in tensor.nhwc)
    (n0, n), (row, height), (column, width), (channel, channels) = padded
    base = where.offset + n0 * strides[0] + column * strides[2]
    if where.ring_rows:
        row %= where.ring_rows
    else:
        base, row = base + row * strides[1], 0
    brick_stride = tensor.nhwc[2] * strides[2] if bricks else 0
    whole = Operand(where.space, dtype, base, (n, height, width, tensor.nhwc[3]), strides, wrap_rows=where.ring_rows, first_row=row, brick_stride=brick_stride)
    return whole if channels == tensor.nhwc[3] else part(whole, CHANNELS, channel, channels)


def blob(where: Location, size_bytes: int) -> Operand:
    """Plain bytes at `where`; absent when there are none."""
    if size_bytes == 0:
        return Operand.absent()
    return Operand.dense(where.space, where.offset, (1, 1, 1, size_bytes))


def dma_queue(kind: str, target: Target) -> str:
    """The queue for "load", "params" or "store" traffic: what is waited for soonest never stands behind a store."""
    queues = target.queues["dma"]
    wanted = {"load": 0, "params": 1 if len(queues) > 2 else 0, "store": 2 if len(queues) > 2 else 1}[kind]
    return queues[min(wanted, len(queues) - 1)]


def compute_commands(
    spec: OpSpec, inputs: Sequence[Operand], output: Operand, params: Operand, scratch: Operand, target: Target, location: str
) -> list[Command]:
    """The tile `spec` on placed operands."""
    return [
        Command(instruction, target.queues[instruction.unit.value][0], location)
        for instruction in spec.emit(tuple(inputs), output, params, scratch, target)
    ]


def spec_commands(
    spec: OpSpec, target: Target, param_bytes: int, spaces: Sequence[Space], params_in: Space, bricks: Sequence[bool]
) -> list[Instruction]:
    """The instructions of an op whose operands lie dense somewhere in their memories.

    Args:
        param_bytes: size of the parameters where they lie.
        spaces: memory of each activation, and of the result.
        params_in: memory of the parameters.
        bricks: whether each activation, and the result, lies in bricks of channels.
    """
    if spec.is_view:
        return []
    types = (*(spec.inputs[i] for i in spec.activations), spec.output)
    *inputs, output = (view(kind, Location(space, 0), bricks=some) for kind, space, some in zip(types, spaces, bricks, strict=True))
    params = Operand.dense(params_in, 0, (1, 1, 1, max(param_bytes, 1)))
    scratch = Operand.dense(Space.SRAM, 0, (1, 1, 1, max(spec.scratch_bytes(target), 1)))
    return spec.emit(tuple(inputs), output, params, scratch, target)


def whole_cycles(spec: OpSpec, target: Target) -> int:
    """Cycles of an op on whole tensors in SRAM, its instructions one after the other: what it costs where nothing around it matters."""
    operands = len(spec.activations) + 1
    bricks = [target.array.bricks and spec.takes_bricks] * operands
    found = spec_commands(spec, target, spec.param_bytes(), [Space.SRAM] * operands, Space.SRAM, bricks)
    return sum(instruction.cycles(target) for instruction in found)


def copy_command(source: Operand, destination: Operand, kind: str, target: Target, location: str) -> Command:
    """One DMA transfer."""
    return Command(Dma(src=source, dst=destination), dma_queue(kind, target), location)
