# SPDX-License-Identifier: Apache-2.0
"""Small programs made by hand, with every queue and semaphore in its place."""

import numpy as np

from npuc import targets
from npuc.isa.base import Command, Operand, Space
from npuc.isa.conv2d import Conv2d
from npuc.isa.dma import Dma
from npuc.isa.elementwise import Elementwise, ElementwiseKind
from npuc.isa.program import HostCall, HostSegment, Layer, NpuSegment, Port, Program, Tensor
from npuc.isa.records import pack_scales
from npuc.isa.sync import Signal, Wait
from npuc.ops import all_ops
from npuc.ops._plain import plain_params
from npuc.ops.base import TensorType
from npuc.targets.base import Target

ROWS, WIDTH, CHANNELS = 4, 8, 8
STRIPE = ROWS * WIDTH * CHANNELS
WEIGHTS = CHANNELS * 3 * 3 * CHANNELS
SCALES = CHANNELS * 10
INPUT_AT = 1024

SLOTS = 2
_IN, _OUT, _WEIGHTS, _SCALES = 0, SLOTS * STRIPE, 2 * SLOTS * STRIPE, 2 * SLOTS * STRIPE + WEIGHTS
SRAM_BYTES = _SCALES + SCALES

_DENSE = Operand.dense


def _flat(space: Space, base: int, size: int) -> Operand:
    return _DENSE(space, base, (1, 1, 1, size))


def stripes(count: int, target: Target) -> tuple[Command, ...]:
    """`count` independent images: DMA in, 3x3 convolution, ReLU in place, DMA out; two slots each way, so transfers overlap work.

    Semaphores: 0 image arrived, 1 convolved (its input is free), 2 result ready, 3 result gone, 4 parameters arrived.
    """
    weights, scales = _DENSE(Space.SRAM, _WEIGHTS, (CHANNELS, 3, 3, CHANNELS)), _DENSE(Space.SRAM, _SCALES, (1, 1, CHANNELS, 10))
    output_at = INPUT_AT + count * STRIPE
    commands = [
        Command(Dma(src=_flat(Space.DRAM, 0, WEIGHTS + SCALES), dst=_flat(Space.SRAM, _WEIGHTS, WEIGHTS + SCALES)), "dma0", "parameters"),
    ]
    for index in range(count):
        slot, layer = index % SLOTS, f"image{index}"
        image, result = _IN + slot * STRIPE, _OUT + slot * STRIPE
        shape = (1, ROWS, WIDTH, CHANNELS)
        conv = Conv2d(
            ifm=_DENSE(Space.SRAM, image, shape).padded((1, 1, 1, 1), -3), weights=weights, scales=scales,
            ofm=_DENSE(Space.SRAM, result, shape), zp_x=-3, zp_out=5,
        ).blocked(target)  # fmt: skip
        relu = Elementwise(
            kind=ElementwiseKind.MAXIMUM, a=conv.ofm, ofm=conv.ofm,
            b=Operand(Space.SRAM, conv.ofm.dtype, _SCALES + SCALES, shape, (0, 0, 0, 0)),
        )  # fmt: skip
        free = [Wait(semaphore=1, value=index - SLOTS + 1)] if index >= SLOTS else []
        gone = [Wait(semaphore=3, value=index - SLOTS + 1)] if index >= SLOTS else []
        brought = Dma(src=_flat(Space.DRAM, INPUT_AT + index * STRIPE, STRIPE), dst=_flat(Space.SRAM, image, STRIPE))
        taken = Dma(src=_flat(Space.SRAM, result, STRIPE), dst=_flat(Space.DRAM, output_at + index * STRIPE, STRIPE))
        commands += [Command(step, "dma0", layer) for step in (*free, brought, Signal(semaphore=0))]
        commands += [Command(step, "mac", layer) for step in (Wait(semaphore=0, value=index + 1), *gone, conv, Signal(semaphore=1))]
        commands += [Command(step, "vector", layer) for step in (Wait(semaphore=1, value=index + 1), relu, Signal(semaphore=2))]
        commands += [Command(step, "dma1", layer) for step in (Wait(semaphore=2, value=index + 1), taken, Signal(semaphore=3))]
    floor = Operand(Space.SRAM, relu.ofm.dtype, _SCALES + SCALES, (1, 1, 1, 1), (1, 1, 1, 1))
    return (Command(Dma(dst=floor, fill_value=5), "dma0", "parameters"), *commands)


def parameters(seed: int = 0) -> tuple[np.ndarray, bytes]:
    """Weights i8 [O, 3, 3, C], and the constants: weights, then scales."""
    random = np.random.default_rng(seed)
    weights = random.integers(-128, 128, (CHANNELS, 3, 3, CHANNELS)).astype(np.int8)
    records = pack_scales(random.integers(-500, 500, CHANNELS), np.full(CHANNELS, 3 << 29), np.full(CHANNELS, 40))
    return weights, weights.tobytes() + records


def program(count: int = 3, target_name: str = "edge-256", sram_kib: int | None = None) -> Program:
    """`stripes` between a quantize and a dequantize on the host."""
    target = targets.get(target_name, sram_kib)
    shape = (count, ROWS, WIDTH, CHANNELS)
    real, quantized = TensorType(shape, "f32"), TensorType(shape, "i8")
    quantize = all_ops()["quantize"]((real,), quantized, scale=0.05, zp=-3)
    dequantize = all_ops()["dequantize"]((quantized,), real, scale=0.05, zp=5)
    size = count * STRIPE
    return Program(
        target=target,
        inputs=(Port("image", 0),),
        outputs=(Port("features", 3),),
        tensors=(
            Tensor(0, "image", "f32", shape),
            Tensor(1, "image.q", "i8", shape, INPUT_AT),
            Tensor(2, "features.q", "i8", shape, INPUT_AT + size),
            Tensor(3, "features", "f32", shape),
        ),
        segments=(
            HostSegment((HostCall("quantize", plain_params(quantize), (0,), 1, "image", "edge of the program"),)),
            NpuSegment(stripes(count, target)),
            HostSegment((HostCall("dequantize", plain_params(dequantize), (2,), 3, "features", "edge of the program"),)),
        ),
        constants=parameters()[1],
        dram_bytes=INPUT_AT + 2 * size,
        sram_bytes=SRAM_BYTES + 1,
        layers=(Layer("conv", "conv2d", size * 9 * CHANNELS, 100), Layer("features", "dequantize", 0, 0, "host", "edge of the program")),
        certificates={"peak_sram_bytes": SRAM_BYTES, "bounds": (1, 2.5, float("inf")), "nested": {"a": (True, None, "b")}},
        metadata={"source": "made by hand"},
    )
