# SPDX-License-Identifier: Apache-2.0
"""Parity preset: the published parameters of a one-core 128 MAC/cycle machine with flash.

Weights lie in flash, which is read only; feature maps, inputs and outputs of the network live in SRAM.
"""

from fractions import Fraction

from npuc.targets.base import Buffers, Memory, MicroBlockArray, OutputPath, Target

TARGET = Target(
    name="u55-128",
    title="Parity preset: 128 MAC/cycle, 2 MiB SRAM, flash.",
    clock_hz=500_000_000,
    array=MicroBlockArray(ublock=(1, 2, 8), cores=1, macs_per_cycle=128, buffer_banks=24, input_granule=4, wide_granule=8),
    output=OutputPath(
        {
            "add": Fraction(3, 2),
            "mul": Fraction(3, 4),
            "max_pool": Fraction(1, 4),
            "table": Fraction(1),
            "clamp": Fraction(1, 2),
            "wide": Fraction(5, 4),
            "wide_mul": Fraction(3, 4),
            "other": Fraction(1, 2),
        },
        taps_on_path=False,
    ),
    # 24 KiB in all, shared as each block needs: inputs and sums twice, weights stream from the decoder
    buffers=Buffers(input_bytes=6 * 1024, weight_bytes=1024, accumulator_bytes=8 * 1024),
    sram=Memory(bytes=2 << 20, bytes_per_cycle=Fraction(8), read_latency=32, write_latency=32, burst_bytes=32),
    dram=Memory(bytes=1 << 32, bytes_per_cycle=Fraction(1), read_latency=64, write_latency=0, burst_bytes=128, writable=False),
    queues={"mac": ("core",), "vector": ("core",), "dma": ("dma0",)},
    semaphores=16,
    core_reaches_dram=True,
    element_types=("i8", "i16", "i32", "ui8"),
)
