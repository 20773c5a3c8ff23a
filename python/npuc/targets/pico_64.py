# SPDX-License-Identifier: Apache-2.0
"""64 MAC/cycle microcontroller NPU. Frozen figures; a change needs a decision record and all figures measured again."""

from fractions import Fraction

from npuc.targets.base import Buffers, Memory, OutputPath, SpatialArray, Target

TARGET = Target(
    name="pico-64",
    title="64 MAC/cycle microcontroller NPU.",
    clock_hz=200_000_000,
    array=SpatialArray(rows=1, columns=1, out_channels=8, in_channels=8, depthwise_channels=16),
    output=OutputPath.lanes(8),
    buffers=Buffers(input_bytes=4 * 1024, weight_bytes=4 * 1024, accumulator_bytes=4 * 1024),
    # a contiguous run is charged in whole words of the port
    sram=Memory(bytes=128 * 1024, bytes_per_cycle=Fraction(16), read_latency=4, write_latency=4, burst_bytes=16),
    dram=Memory(bytes=1 << 32, bytes_per_cycle=Fraction(1), read_latency=64, write_latency=64, burst_bytes=32),
    queues={"mac": ("mac",), "vector": ("vector",), "dma": ("dma0",)},
    semaphores=16,
)
