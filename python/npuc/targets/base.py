# SPDX-License-Identifier: Apache-2.0
"""What can be said of a machine: memories, arrays, output paths, queues."""

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
        return ceil_div(traffic_bytes * self.bytes_per_cycle.denominator, self.bytes_per_cycle.numerator)


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

    def fill_cycles(self, block: Block, in_channels: int, kernel: tuple[int, int]) -> int:
        """Cycles before the first block leaves; hidden in the memory latency on these machines."""
        return 0

    def pool_cycles(self, out: Block, block: Block, kernel: tuple[int, int]) -> int:
        """Pooling never enters this array."""
        return 0

    def weight_cycles(self, weights: int) -> int:
        """Raw weights need no decoder."""
        return 0

    def issue_cycles(self, transfer_gap: int, mac: int, output: int) -> int:
        """Blocks follow one another without a pause."""
        return 0


@dataclass(frozen=True)
class MicroBlockArray:
    """An array that works block by block in micro-blocks, as the parity machines do.

    Source: the published estimator; see the side-by-side rules in docs/machine.md.
    """

    ublock: Block
    cores: int
    macs_per_cycle: int
    depth_first_channels: int = 32
    part_kernel_channels: int = 16
    decoded_weights: int = 8

    @property
    def granule(self) -> Block:
        return self.ublock

    def _ublocks(self, size: Block) -> tuple[int, int]:
        return ceil_div(size[0], self.ublock[0]) * ceil_div(size[1], self.ublock[1]), ceil_div(size[2], self.ublock[2])

    def _sub_kernels(self, kernel: tuple[int, int]) -> Iterator[tuple[int, int]]:
        for count_h, size_h in split(kernel[0], 8):
            for count_w, size_w in split(kernel[1], 8):
                yield count_h * count_w, size_h * size_w

    def _blocks(self, out: Block, block: Block) -> Iterator[tuple[int, Block]]:
        for count_h, size_h in split(out[0], block[0]):
            for count_w, size_w in split(out[1], block[1]):
                for count_c, size_c in split(out[2], block[2]):
                    yield count_h * count_w * count_c, (size_h, size_w, size_c)

    def _step_cycles(self, pixels: int) -> int:
        return max(32 * (self.ublock[2] // 8), 4 * pixels)

    def _conv_block(self, block: Block, in_channels: int, kernel: tuple[int, int]) -> int:
        pixels, channels = self._ublocks(block)
        depth_first = part_kernel = 0
        for count, taps in self._sub_kernels(kernel):
            step = self._step_cycles(pixels) * channels * count
            depth_first += step * taps * ceil_div(in_channels, self.depth_first_channels)
            depth = min(in_channels, self.part_kernel_channels)
            part_kernel += step * ceil_div(taps, 4) * ceil_div(depth, 8) * ceil_div(in_channels, self.part_kernel_channels)
        cycles = min(depth_first, part_kernel) + (2 if pixels == 1 else 0)
        return ceil_div(cycles, self.cores)

    def conv2d_cycles(self, out: Block, block: Block, in_channels: int, kernel: tuple[int, int]) -> int:
        """Array cycles of one group; the cheaper of depth-first and part-kernel order."""
        return sum(count * self._conv_block(size, in_channels, kernel) for count, size in self._blocks(out, block))

    def depthwise_cycles(self, out: Block, block: Block, kernel: tuple[int, int]) -> int:
        """Array cycles of a depthwise convolution."""
        total = 0
        for count, size in self._blocks(out, block):
            pixels, channels = self._ublocks(size)
            steps = sum(c * ceil_div(taps, 4) for c, taps in self._sub_kernels(kernel))
            total += count * ceil_div(self._step_cycles(pixels) * steps * channels + (2 if pixels == 1 else 0), self.cores)
        return total

    def pool_cycles(self, out: Block, block: Block, kernel: tuple[int, int]) -> int:
        """Array cycles of a pooling, which these machines run on the array."""
        total = 0
        for count, size in self._blocks(out, block):
            pixels, channels = self._ublocks(size)
            taps = sum(c * max(4, taps) for c, taps in self._sub_kernels(kernel))
            total += count * ceil_div(taps * pixels * channels * 4, self.cores)
        return total

    def fill_cycles(self, block: Block, in_channels: int, kernel: tuple[int, int]) -> int:
        """The first block passes the array before any output leaves."""
        return self._conv_block(block, in_channels, kernel)

    def weight_cycles(self, weights: int) -> int:
        """Cycles of the decoders, `decoded_weights` a cycle and core."""
        return ceil_div(weights, self.decoded_weights * self.cores)

    def issue_cycles(self, transfer_gap: int, mac: int, output: int) -> int:
        """Floor of the command issue: (|output - input transfer| + MAC + output) / 4, all in cycles."""
        return ceil_div(abs(transfer_gap) + mac + output, 4)


@dataclass(frozen=True)
class OutputPath:
    """Cycles an output element costs on the way out, by kind of work.

    Attributes:
        cycles_per_element: kind -> cycles; kinds are add, mul, max_pool, table, clamp, other.
        taps_on_path: pooling and reductions pay once a tap here (else the array pays for the taps).
    """

    cycles_per_element: Mapping[str, Fraction]
    taps_on_path: bool

    def cycles(self, kind: str, elements: int, taps: int = 1) -> int:
        """Cycles for `elements` results of `taps` inputs each."""
        rate = self.cycles_per_element.get(kind, self.cycles_per_element["other"])
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

    @property
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
