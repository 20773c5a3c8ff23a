# SPDX-License-Identifier: Apache-2.0
"""256 MAC/cycle edge NPU. Frozen figures; a change needs a decision record and all figures measured again."""

from fractions import Fraction

from npuc.targets.base import Buffers, Memory, OutputPath, SpatialArray, Target

TARGET = Target(
    name="edge-256",
    title="256 MAC/cycle edge NPU.",
    clock_hz=500_000_000,
    array=SpatialArray(rows=2, columns=2, out_channels=8, in_channels=8, depthwise_channels=16),
    output=OutputPath.lanes(16),
    buffers=Buffers(input_bytes=16 * 1024, weight_bytes=16 * 1024, accumulator_bytes=16 * 1024),
    # a contiguous run is charged in whole words of the port
    sram=Memory(bytes=512 * 1024, bytes_per_cycle=Fraction(32), read_latency=6, write_latency=6, burst_bytes=32),
    dram=Memory(bytes=1 << 32, bytes_per_cycle=Fraction(8), read_latency=100, write_latency=50, burst_bytes=64),
    queues={"mac": ("mac",), "vector": ("vector",), "dma": ("dma0", "dma1")},
    semaphores=32,
)
