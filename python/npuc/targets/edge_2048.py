# SPDX-License-Identifier: Apache-2.0
"""2048 MAC/cycle edge NPU. Frozen figures; a change needs a decision record and all figures measured again."""

from fractions import Fraction

from npuc.targets.base import Buffers, Memory, OutputPath, SpatialArray, Target

TARGET = Target(
    name="edge-2048",
    title="2048 MAC/cycle edge NPU.",
    clock_hz=1_000_000_000,
    array=SpatialArray(rows=4, columns=4, out_channels=16, in_channels=8, depthwise_channels=32),
    output=OutputPath.lanes(64),
    buffers=Buffers(input_bytes=64 * 1024, weight_bytes=128 * 1024, accumulator_bytes=64 * 1024),
    # a contiguous run is charged in whole words of the port
    sram=Memory(bytes=2048 * 1024, bytes_per_cycle=Fraction(128), read_latency=8, write_latency=8, burst_bytes=128),
    dram=Memory(bytes=1 << 32, bytes_per_cycle=Fraction(16), read_latency=250, write_latency=125, burst_bytes=64),
    queues={"mac": ("mac",), "vector": ("vector",), "dma": ("dma0", "dma1", "dma2", "dma3")},
    semaphores=64,
)
