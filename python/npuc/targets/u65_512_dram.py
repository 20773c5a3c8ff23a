# SPDX-License-Identifier: Apache-2.0
"""Parity preset: the published parameters of a two-core 512 MAC/cycle machine with DRAM.

An instruction never costs less here than the public estimator charges the same work.
"""

from fractions import Fraction

from npuc.targets.base import Buffers, Memory, MicroBlockArray, OutputPath, Target

TARGET = Target(
    name="u65-512-dram",
    title="Parity preset: 2 x 256 MAC/cycle, 384 KiB SRAM, DRAM.",
    clock_hz=1_000_000_000,
    array=MicroBlockArray(ublock=(2, 2, 8), cores=2, macs_per_cycle=512, buffer_banks=48, input_granule=8, wide_granule=16),
    output=OutputPath(
        {
            "add": Fraction(3, 8),
            "mul": Fraction(3, 16),
            "max_pool": Fraction(1, 16),
            "table": Fraction(1, 2),
            "clamp": Fraction(1, 8),
            "wide": Fraction(9, 16),
            "wide_mul": Fraction(1, 4),
            "other": Fraction(1, 8),
        },
        taps_on_path=False,
    ),
    # 48 KiB in all, shared as each block needs: inputs and sums twice, weights stream from the decoder
    buffers=Buffers(input_bytes=14 * 1024, weight_bytes=1024, accumulator_bytes=16 * 1024),
    sram=Memory(bytes=384 * 1024, bytes_per_cycle=Fraction(16), read_latency=32, write_latency=32, burst_bytes=32),
    dram=Memory(bytes=1 << 32, bytes_per_cycle=Fraction(15, 4), read_latency=500, write_latency=250, burst_bytes=128),
    queues={"mac": ("core",), "vector": ("core",), "dma": ("dma0", "dma1")},
    semaphores=16,
    core_reaches_dram=True,
    element_types=("i8", "i16", "i32", "ui8"),
)
