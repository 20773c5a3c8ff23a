# SPDX-License-Identifier: Apache-2.0
"""npuc beside Vela: the same files, the same preset, the same SRAM, in one run.

Vela is taken in its best mode that stays within the SRAM, its default among them; where it would find the network's inputs in SRAM and the
preset has them in DRAM, their passage is added. A ratio is printed only where every layer that Vela
scheduled in this very run is charged here no less than Vela reports (`npuc.report.calibration`), and where npuc leaves no op to the host
that Vela runs on the NPU. A network that does not compile, or that leaves more to the host, is a loss.
"""

import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from npuc import targets
from npuc.errors import UserInputError
from npuc.isa.program import Program
from npuc.report import calibration, vela
from npuc.report.profile import profile
from npuc.report.table import count, escaped, kib

MIN_SRAM_BYTES = 16 * 1024
"""Least capacity of a comparison on a preset with flash, whatever Vela's default uses."""

_ALL_ON_CHIP = "Shared_Sram"
"""The memory mode in which Vela keeps every feature map in SRAM."""

# our name of an op -> how the TFLite file calls it, lower case
_NAMES = {"rescale": "quantize", "resize_float": "resizebilinear", "argmax": "argmax"}


@dataclass(frozen=True)
class Side:
    """One compiler's figures.

    Attributes:
        name: the compiler and its mode.
        bound_ratio: cycles over the network bound, the same bound for both.
        seconds, memory_bytes: of compiling, the start of the process included.
        error: why there are no figures.
    """

    name: str
    cycles: int = 0
    mac_utilisation: float = 0.0
    off_chip_read_bytes: int = 0
    off_chip_write_bytes: int = 0
    peak_sram_bytes: int = 0
    bound_ratio: float = 0.0
    seconds: float = 0.0
    memory_bytes: int = 0
    host_ops: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Comparison:
    """One network on one preset.

    Attributes:
        calibration: how our charge of Vela's layers relates to Vela's, by kind of op.
        calibrated: no layer is cheaper here.
        modes: cycles and peak SRAM of every mode of Vela that was tried.
        ratio: our cycles over Vela's; None where none may be claimed.
        verdict: won, lost and why, or why nothing is claimed.
    """

    network: str
    preset: str
    sram_bytes: int
    ours: Side
    theirs: Side
    calibration: tuple[calibration.Row, ...]
    calibrated: bool
    modes: tuple[tuple[str, int, int], ...]
    ratio: float | None
    verdict: str

    def to_dict(self) -> dict:
        """Plain values."""
        return asdict(self)


def tried(program: str, model: Path, preset: str, sram_bytes: int | None) -> list[vela.Outcome]:
    """Vela in every mode, its default first.

    Args:
        sram_bytes: as in `baseline`.
    """
    default = vela.compiled(program, model, preset, vela.modes(preset, None)[0])
    cap = capacity(preset, default, sram_bytes)
    return [default, *(vela.compiled(program, model, preset, mode) for mode in vela.modes(preset, cap)[1:])]


def capacity(preset: str, default: vela.Outcome, sram_bytes: int | None) -> int:
    """The SRAM of a comparison in bytes: `sram_bytes`, else the preset's own, or, where feature maps must lie in SRAM, what Vela's default uses."""
    if sram_bytes is not None:
        return sram_bytes
    target = targets.get(preset)
    return target.sram.bytes if target.dram.writable else max(default.peak_sram_bytes, MIN_SRAM_BYTES)


def baseline(
    preset: str, outcomes: Sequence[vela.Outcome], sram_bytes: int | None, network_bytes: tuple[int, int]
) -> tuple[int, vela.Outcome]:
    """The SRAM of the comparison, and Vela's best outcome within it.

    Args:
        outcomes: Vela's, its default first.
        sram_bytes: capacity, None for the one that the rules say; see `capacity`.
        network_bytes: of the network's inputs and outputs.
    """
    sram_bytes = capacity(preset, outcomes[0], sram_bytes)
    outcomes = [_from_off_chip(preset, one, network_bytes) for one in outcomes]
    fitting = [one for one in outcomes if one.peak_sram_bytes <= sram_bytes]
    if fitting:
        return sram_bytes, min(fitting, key=lambda one: (one.cycles, one.peak_sram_bytes))
    # where nothing fits, the least that Vela manages stands in, and the table shows its size
    return sram_bytes, min(outcomes, key=lambda one: (one.peak_sram_bytes, one.cycles))


def _from_off_chip(preset: str, outcome: vela.Outcome, network_bytes: tuple[int, int]) -> vela.Outcome:
    """Vela's outcome with the network's inputs and outputs where the preset has them.

    On a preset with DRAM they lie there, and npuc brings them in and takes them out. In Shared_Sram Vela counts neither: it finds the
    inputs in SRAM and leaves the outputs there. So their passage is added, a latency once.
    """
    dram = targets.get(preset).dram
    if not dram.writable or outcome.mode.memory != _ALL_ON_CHIP:
        return outcome
    read, written = network_bytes
    return replace(
        outcome, cycles=outcome.cycles + dram.cycles(read + written) + dram.read_latency,
        off_chip_read_bytes=outcome.off_chip_read_bytes + read, off_chip_write_bytes=outcome.off_chip_write_bytes + written,
    )  # fmt: skip


def _ours(model: Path, preset: str, sram_bytes: int) -> tuple[Side, int]:
    """What `npuc compile` makes of the model in a process of its own, and the network bound in cycles."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.npub"
        command = [
            sys.executable,
            "-m",
            "npuc.cli",
            "compile",
            str(model),
            "--target",
            preset,
            "--sram-kib",
            repr(sram_bytes / 1024),
            "-o",
            str(path),
        ]
        code, text, seconds, memory = vela.measured(command)
        if code:
            return Side("npuc", seconds=seconds, memory_bytes=memory, error=text.strip()[-400:]), 0
        found = profile(Program.from_bytes(path.read_bytes()))
    side = Side(
        "npuc", found.cycles, found.mac_utilisation, found.off_chip_read_bytes, found.off_chip_write_bytes, found.peak_sram_bytes,
        found.cycles / max(found.network_bound_cycles, 1), seconds, memory, tuple(sorted(one.op for one in found.host_ops)),
    )  # fmt: skip
    return side, found.network_bound_cycles


def _called(names: Sequence[str]) -> set[str]:
    return {_NAMES.get(name, name).replace("_", "").lower() for name in names}


def compare(model: Path, preset: str, vela_program: str | None = None, sram_bytes: int | None = None) -> Comparison:
    """Compile `model` with both and hold the figures side by side.

    Raises:
        UserInputError: no such preset, no Vela, or a file that Vela refuses.
    """
    if preset not in vela.SETUPS:
        raise UserInputError("comparisons need a machine that Vela knows", found=preset, wanted=", ".join(vela.SETUPS))
    return beside(model, preset, tried(vela.find(vela_program), model, preset, sram_bytes), sram_bytes)


def beside(model: Path, preset: str, outcomes: Sequence[vela.Outcome], sram_bytes: int | None = None, calibrated: bool | None = None) -> Comparison:
    """Compile `model` here and hold it beside what Vela made of it.

    Args:
        outcomes: Vela's, its default first.
        calibrated: no layer is charged less here than Vela reports; None to find out from the layers of its best outcome.
    """
    sram_bytes, best = baseline(preset, outcomes, sram_bytes, vela.network_bytes(model))
    ours, bound = _ours(model, preset, sram_bytes)
    target = targets.get(preset)
    theirs = Side(
        f"Vela, {best.mode.name}", best.cycles, best.macs / max(best.cycles, 1) / target.array.macs_per_cycle, best.off_chip_read_bytes,
        best.off_chip_write_bytes, best.peak_sram_bytes, best.cycles / bound if bound else 0.0, best.seconds, best.memory_bytes, best.cpu_ops,
    )  # fmt: skip
    charges, unknown = calibration.charges(best.layers)
    if calibrated is None:
        calibrated = calibration.holds(charges) and not unknown
    verdict, ratio = _verdict(ours, theirs, calibrated)
    modes = tuple((one.mode.name, one.cycles, one.peak_sram_bytes) for one in outcomes)
    return Comparison(model.stem, preset, sram_bytes, ours, theirs, calibration.rows(charges), calibrated, modes, ratio, verdict)


def _verdict(ours: Side, theirs: Side, calibrated: bool) -> tuple[str, float | None]:
    if ours.error:
        return "lost: npuc does not compile it", None
    more = sorted(_called(ours.host_ops) - _called(theirs.host_ops))
    if more:
        return f"lost: the host runs {', '.join(more)}, which Vela does not leave to it", None
    if not calibrated:
        return "nothing is claimed: a layer of Vela's schedule is charged less here than Vela reports", None
    ratio = ours.cycles / max(theirs.cycles, 1)
    return ("won" if ratio <= 1.0 else "lost"), ratio


# tables --------------------------------------------------------------------------------------------


def render(found: Sequence[Comparison]) -> str:
    """Two lines a network, then the geometric mean of what may be claimed."""
    head = f"{'network':<40}{'':<34}{'cycles':>13}{'MAC':>7}{'off-chip KiB':>15}{'SRAM KiB':>10}{'bound':>7}{'seconds':>9}{'MB':>6}"
    lines = [head]
    for one in found:
        for side, name in ((one.theirs, one.network), (one.ours, f"  {one.preset}, {kib(one.sram_bytes)} KiB")):
            if side.error:
                lines.append(f"{name:<40}{side.name:<34}{side.error.splitlines()[0][:60]}")
                continue
            traffic = f"{kib(side.off_chip_read_bytes)}+{kib(side.off_chip_write_bytes)}"
            lines.append(
                f"{name[:39]:<40}{side.name:<34}{count(side.cycles):>13}{side.mac_utilisation:>7.1%}{traffic:>15}"
                f"{kib(side.peak_sram_bytes):>10}{side.bound_ratio:>7.2f}{side.seconds:>9.2f}{side.memory_bytes / 1e6:>6.0f}"
            )
        lines.append(f"{'':<40}{one.verdict}" + (f": {one.ratio:.3f} of Vela's cycles" if one.ratio is not None else ""))
    claimed = [one for one in found if one.ratio is not None]
    if len(claimed) > 1:
        worst = max(claimed, key=_ratio)
        lines.append(f"geometric mean of {len(claimed)} of {len(found)} networks: {mean(claimed):.3f}; worst {_ratio(worst):.3f} ({worst.network})")
    return "\n".join(lines)


def mean(found: Sequence[Comparison]) -> float:
    """Geometric mean of the ratios that may be claimed."""
    ratios = [one.ratio for one in found if one.ratio is not None]
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def _ratio(one: Comparison) -> float:
    return one.ratio or 0.0


def to_json(found: Sequence[Comparison]) -> str:
    """Everything, with the calibration of each network."""
    return json.dumps([one.to_dict() for one in found], indent=2)


# picture -------------------------------------------------------------------------------------------

_WIDTH, _LEFT, _RIGHT, _ROW = 900, 270, 120, 34
_TICKS = (1, 2, 5, 10, 20, 50, 100)
_THEIRS, _OURS = "#9aa5b1", "#2f6fb0"


def to_svg(found: Sequence[Comparison]) -> str:
    """Two bars a network, cycles over the network bound on a logarithmic axis; the ratio of the two stands beside them."""
    drawn = [one for one in found if not one.ours.error and one.ours.bound_ratio]
    most = max([2.0, *(side.bound_ratio for one in drawn for side in (one.theirs, one.ours))])
    scale = (_WIDTH - _LEFT - _RIGHT) / math.log(most * 1.02)
    height = 74 + len(drawn) * _ROW + 34

    def x(value: float) -> float:
        return round(_LEFT + math.log(max(value, 1.0)) * scale, 1)

    preset = drawn[0].preset if drawn else ""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="22" font-size="15" fill="#222222">{escaped(preset)}: cycles over the network bound (logarithmic)</text>',
    ]
    for left, colour, name in ((_LEFT, _THEIRS, "Vela, best mode"), (_LEFT + 140, _OURS, "npuc")):
        parts.append(f'<rect x="{left}" y="34" width="12" height="12" fill="{colour}"/><text x="{left + 18}" y="45" fill="#222222">{name}</text>')
    parts.append(f'<text x="{_WIDTH - 12}" y="45" text-anchor="end" fill="#222222">npuc / Vela</text>')
    bottom = 60 + len(drawn) * _ROW
    for tick in (tick for tick in _TICKS if tick <= most * 1.02):
        parts.append(f'<line x1="{x(tick)}" y1="56" x2="{x(tick)}" y2="{bottom}" stroke="#d5d9de"/>')
        parts.append(f'<text x="{x(tick)}" y="{bottom + 16}" text-anchor="middle" fill="#666666">{tick}</text>')
    for row, one in enumerate(drawn):
        top = 60 + row * _ROW
        parts.append(f'<text x="{_LEFT - 10}" y="{top + 19}" text-anchor="end" fill="#222222">{escaped(one.network)}</text>')
        for offset, side, colour in ((3, one.theirs, _THEIRS), (16, one.ours, _OURS)):
            width = max(x(side.bound_ratio) - _LEFT, 1)
            title = f"{escaped(side.name)}: {side.cycles} cycles, {side.bound_ratio:.2f} x the bound"
            parts.append(f'<rect x="{_LEFT}" y="{top + offset}" width="{width:g}" height="12" fill="{colour}"><title>{title}</title></rect>')
            parts.append(f'<text x="{_LEFT + width + 5:g}" y="{top + offset + 10}" font-size="10" fill="#444444">{side.bound_ratio:.2f}</text>')
        text = "-" if one.ratio is None else f"{one.ratio:.2f}"
        colour = "#222222" if one.ratio is not None and one.ratio <= 1 else "#b03030"
        parts.append(f'<text x="{_WIDTH - 12}" y="{top + 19}" text-anchor="end" font-weight="bold" fill="{colour}">{text}</text>')
    return "\n".join([*parts, "</svg>\n"])
