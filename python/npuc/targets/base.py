# SPDX-License-Identifier: Apache-2.0
"""What can be said of a machine: memories, arrays, output paths, queues."""

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction


def ceil_div(value: int, divisor: int) -> int:
    """value / divisor rounded up, for value >= 0."""
    return -(-value // divisor)


def split(extent: int, step: int) -> Iterator[tuple[int, int]]:
    """(count, size) of the pieces when `extent` is cut into `step` and a rest."""
    if extent >= step:
        yield extent // step, step
    if extent % step:
        yield 1, extent % step


@dataclass(frozen=True)
class Memory:
    """One memory and its half-duplex port (reads and writes share it).

    Attributes:
        bytes: capacity in bytes.
        bytes_per_cycle: port width.
        read_latency, write_latency: cycles once a transfer.
        burst_bytes: a contiguous run is charged in whole multiples of this.
        writable: flash is not.
    """

    bytes: int
    bytes_per_cycle: Fraction
    read_latency: int
    write_latency: int
    burst_bytes: int
    writable: bool = True

    def cycles(self, traffic_bytes: int) -> int:
        """Cycles the port is busy with `traffic_bytes` (bursts already rounded up)."""
        cycles, bytes_moved = self.rate
        return -(-traffic_bytes * cycles // bytes_moved)

    def in_bursts(self, size: int) -> int:
        """`size` contiguous bytes, rounded up to whole bursts."""
        return ceil_div(size, self.burst_bytes) * self.burst_bytes

    @functools.cached_property
    def rate(self) -> tuple[int, int]:
        """Cycles, and the bytes that pass the port in them."""
        return self.bytes_per_cycle.denominator, self.bytes_per_cycle.numerator


@dataclass(frozen=True)
class Buffers:
    """On-core buffers of the MAC unit, bytes."""

    input_bytes: int
    weight_bytes: int
    accumulator_bytes: int


Block = tuple[int, int, int]
"""Output block height, width, channels."""


@dataclass(frozen=True)
class SpatialArray:
    """rows x columns output pixels by `out_channels` by `in_channels` products a cycle.

    A depthwise step does `depthwise_channels` channels of rows x columns pixels.
    """

    rows: int
    columns: int
    out_channels: int
    in_channels: int
    depthwise_channels: int

    @property
    def macs_per_cycle(self) -> int:
        return self.rows * self.columns * self.out_channels * self.in_channels

    @property
    def depthwise_macs_per_cycle(self) -> int:
        return self.rows * self.columns * self.depthwise_channels

    @property
    def granule(self) -> Block:
        """Block extents that waste nothing."""
        return self.rows, self.columns, self.out_channels

    def _pixels(self, height: int, width: int, block: Block) -> int:
        return sum(
            count_h * count_w * ceil_div(size_h, self.rows) * ceil_div(size_w, self.columns)
            for count_h, size_h in split(height, block[0])
            for count_w, size_w in split(width, block[1])
        )

    def conv2d_cycles(self, out: Block, block: Block, in_channels: int, kernel: tuple[int, int]) -> int:
        """Array cycles of one group of a convolution with output `out` in blocks of `block`."""
        channels = sum(count * ceil_div(size, self.out_channels) for count, size in split(out[2], block[2]))
        return self._pixels(out[0], out[1], block) * channels * ceil_div(in_channels, self.in_channels) * kernel[0] * kernel[1]

    def depthwise_cycles(self, out: Block, block: Block, kernel: tuple[int, int]) -> int:
        """Array cycles of a depthwise convolution."""
        channels = sum(count * ceil_div(size, self.depthwise_channels) for count, size in split(out[2], block[2]))
        return self._pixels(out[0], out[1], block) * channels * kernel[0] * kernel[1]

    @property
    def channel_multiple(self) -> int:
        """A feature map of a few channels less costs less: bytes go off-chip row by row, without a gap."""
        return 1

    @property
    def bricks(self) -> bool:
        """Feature maps in bricks of channels: these machines know the order N, H, W, C alone."""
        return False

    @property
    def decoded_weights(self) -> int:
        """Compressed weights decoded a cycle: these machines take weights as they are."""
        return 0

    @property
    def activation_steps(self) -> Mapping[int, int]:
        """Bytes of an activation -> steps that the array takes for a product with it: one of 16 bits goes through in two halves."""
        return {1: 1, 2: 2}


@dataclass(frozen=True)
class MicroBlockArray:
    """An array that works block by block in micro-blocks, as the parity machines do; `npuc.isa.microblocks` has the rules of its walk.

    Attributes:
        ublock: height, width, channels of a micro-block.
        cores: cores that share every instruction.
        buffer_banks: KiB of the on-core buffer.
        input_granule, wide_granule: banks are taken by so many, for inputs, and for sums and i32 inputs.
        depth_first_channels, part_kernel_channels: input channels a pass, in the two orders of a convolution.
        decoded_weights: weights a cycle and core that the decoder of compressed weights delivers at most.
    """

    ublock: Block
    cores: int
    macs_per_cycle: int
    buffer_banks: int
    input_granule: int
    wide_granule: int
    depth_first_channels: int = 32
    part_kernel_channels: int = 16
    decoded_weights: int = 8

    @property
    def depthwise_macs_per_cycle(self) -> int:
        """A step of 4 cycles does 4 taps of every output of a micro-block."""
        height, width, channels = self.ublock
        return height * width * channels * self.cores

    @property
    def granule(self) -> Block:
        """Block extents that waste nothing; feature maps are stored in 16 channels at a time, so a depth of fewer halves a brick."""
        return *self.ublock[:2], 16

    @property
    def channel_multiple(self) -> int:
        """A feature map of a few channels less fills as many micro-blocks, and its pixels start within bursts."""
        return self.ublock[2]

    @property
    def bricks(self) -> bool:
        """Feature maps may lie in bricks of 16 channels."""
        return True

    @property
    def activation_steps(self) -> Mapping[int, int]:
        """As `SpatialArray.activation_steps`; nothing is known here of what wider ones cost."""
        return {1: 1}

    def _least(self, out: Block, steps: int) -> int:
        """Cycles of `steps` on every micro-block of the output, 4 each, the plane large enough to hide the weights."""
        height, width, channels = self.ublock
        planes = [(height, width)] + ([(1, 2 * width)] if height == 2 else [])
        pixels = min(ceil_div(out[0], rows) * ceil_div(out[1], columns) for rows, columns in planes)
        # what a step of 8 channels takes while its weights are decoded
        step = max(32 * (channels // 8), 4 * pixels)
        return ceil_div(step * steps * ceil_div(out[2], channels), self.cores)

    def conv2d_cycles(self, out: Block, block: Block, in_channels: int, kernel: tuple[int, int]) -> int:
        """Bound on the array's cycles of one group, in the better of depth-first and part-kernel order; blocks only add to it."""
        taps = kernel[0] * kernel[1]
        depth_first = taps * ceil_div(in_channels, self.depth_first_channels)
        slices = ceil_div(min(in_channels, self.part_kernel_channels), 8)
        part_kernel = ceil_div(taps, 4) * slices * ceil_div(in_channels, self.part_kernel_channels)
        return self._least(out, min(depth_first, part_kernel))

    def depthwise_cycles(self, out: Block, block: Block, kernel: tuple[int, int]) -> int:
        """Bound on the array's cycles of a depthwise convolution; blocks only add to it."""
        return self._least(out, ceil_div(kernel[0] * kernel[1], 4))


@dataclass(frozen=True)
class OutputPath:
    """Cycles an output element costs on the way out, by kind of work.

    Attributes:
        cycles_per_element: kind -> cycles; kinds are add, mul, max_pool, table, clamp, wide (i32 inputs), other.
        taps_on_path: pooling and reductions pay once a tap here (else the array pays for the taps).
    """

    cycles_per_element: Mapping[str, Fraction]
    taps_on_path: bool

    def rate(self, kind: str) -> Fraction:
        """Cycles an element; a kind without a rate of its own is one of the others."""
        return self.cycles_per_element.get(kind, self.cycles_per_element["other"])

    def cycles(self, kind: str, elements: int, taps: int = 1) -> int:
        """Cycles for `elements` results of `taps` inputs each."""
        rate = self.rate(kind)
        work = elements * (taps if self.taps_on_path else 1)
        return ceil_div(work * rate.numerator, rate.denominator)

    @classmethod
    def lanes(cls, count: int) -> "OutputPath":
        """`count` elements a cycle whatever the kind."""
        return cls({"other": Fraction(1, count)}, taps_on_path=True)


@dataclass(frozen=True)
class Target:
    """One machine. Nothing but this and the program file reaches the simulator.

    Attributes:
        clock_hz: for cycles to seconds.
        queues: unit kind (mac, vector, dma) -> names of the queues that serve it.
        semaphores: counters that order the queues.
        sram, dram: the two memories.
        array, output, buffers: the MAC unit; `output` also is the vector unit's rate.
        core_reaches_dram: the core may read and write off-chip memory itself.
    """

    name: str
    title: str
    clock_hz: int
    array: SpatialArray | MicroBlockArray
    output: OutputPath
    buffers: Buffers
    sram: Memory
    dram: Memory
    queues: Mapping[str, tuple[str, ...]]
    semaphores: int
    core_reaches_dram: bool = False
    element_types: tuple[str, ...] = field(default=("i8", "i16", "i32"))

    def __hash__(self) -> int:
        # costs are cached by target: cheap, and the mapping of the queues has no hash of its own
        return hash((self.name, self.sram.bytes))

    @functools.cached_property
    def queue_names(self) -> tuple[str, ...]:
        """Every queue once, in a fixed order."""
        return tuple(dict.fromkeys(name for names in self.queues.values() for name in names))

    def with_sram(self, sram_bytes: int) -> "Target":
        """The same machine with another SRAM capacity."""
        return replace(self, sram=replace(self.sram, bytes=sram_bytes))

    def to_dict(self) -> dict:
        """Plain values, for --json, the fingerprint and the program file."""
        return json.loads(json.dumps(asdict(self), default=str, sort_keys=True))

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of SHA-256 over every figure of the machine."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]
