# SPDX-License-Identifier: Apache-2.0
"""The profile as a table for a terminal."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npuc.report.ledger import Ledger
    from npuc.report.profile import HostOp, LayerProfile, Profile

# narrower than this the figures themselves would be cut
LEAST_WIDTH = 80
# between two columns
GAP = 2
# of a layer's name
LEAST_NAME = 10
MOST_HOST_OPS = 12


def count(value: int) -> str:
    """1234567 -> 1,234,567."""
    return f"{value:,}"


def kib(size_bytes: int) -> str:
    """Bytes as KiB, with a digit after the point below 100."""
    size = size_bytes / 1024
    return f"{size:,.1f}" if size < 100 else f"{size:,.0f}"


def percent(part: float) -> str:
    """0.1234 -> 12.3 %."""
    return f"{part * 100:.1f} %"


def millions(value: int) -> str:
    """Multiply-accumulates in millions."""
    size = value / 1e6
    return f"{size:.2f}" if size < 100 else f"{size:,.0f}"


def plain(text: str) -> str:
    """`text` without control characters: names come out of files that anybody may have written."""
    return "".join(char if char.isprintable() else "?" for char in text)


def escaped(text: str) -> str:
    """`text` inside XML."""
    return "".join(f"&#{ord(char)};" if char in "&<>\"'" else char for char in text if char.isprintable())


def clip(text: str, width: int) -> str:
    """Plain `text` cut on the left: the end of a layer's name tells more than its beginning."""
    text = plain(text)
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]


def headline(profile: "Profile") -> list[str]:
    """The figures that are looked at first, one sentence a line."""
    rate = f"{profile.inferences_per_second:,.1f} inferences/s" if profile.cycles else "nothing runs on the NPU"
    bound = f", {profile.bound_ratio:.2f} x the network bound of {count(profile.network_bound_cycles)}" if profile.network_bound_cycles else ""
    if profile.network_bound_cycles and profile.array_bound_cycles:
        bound += f" (array {count(profile.array_bound_cycles)})"
    estimate = f", planned {count(profile.estimate_cycles)}" if profile.estimate_cycles else ""
    must = f" of {kib(profile.compulsory_bytes)} KiB that must be moved" if profile.compulsory_bytes else ""
    sram = f"{kib(profile.peak_sram_bytes)} of {kib(profile.sram_bytes)} KiB{_placed(profile)}"
    lines = [
        f"{profile.network or 'network'} on {profile.target}: {profile.milliseconds:.3f} ms, {rate}, MAC utilisation {percent(profile.mac_utilisation)}",
        f"{count(profile.cycles)} cycles at {profile.clock_hz / 1e6:,.0f} MHz{bound}{estimate}",
        f"SRAM {sram}, off-chip {kib(profile.off_chip_read_bytes)} KiB read and {kib(profile.off_chip_write_bytes)} KiB written{must}; "
        f"{count(profile.commands)} commands, {profile.semaphores} semaphores",
    ]
    if profile.dropped_channels:
        own = f"{millions(profile.dropped_macs)} of the model's {millions(profile.dropped_macs + profile.macs)} MMAC"
        lines.append(f"{count(profile.dropped_channels)} channels that cannot matter are not computed: {own} (--without drop-channels keeps them)")
    return lines


def _placed(profile: "Profile") -> str:
    """How near the placement is to the least that its buffers need."""
    bound = profile.bound_sram_bytes
    if not bound:
        return ""
    if profile.peak_sram_bytes == bound:
        return " (placed optimally)"
    return f" (bound {kib(bound)}, gap {percent(profile.peak_sram_bytes / bound - 1)})"


def _shown(layers: Sequence["LayerProfile"], limit: int | None) -> tuple[list["LayerProfile"], list["LayerProfile"]]:
    """The busiest `limit` layers and the others, each in the model's order."""
    if limit is None or len(layers) <= limit:
        return list(layers), []
    chosen = {id(layer) for layer in sorted(layers, key=lambda layer: -layer.busy_cycles)[:limit]}
    return [layer for layer in layers if id(layer) in chosen], [layer for layer in layers if id(layer) not in chosen]


def _figures(layers: Iterable["LayerProfile"], profile: "Profile") -> dict[str, str]:
    """Column -> text, for one layer or the sum of several."""
    layers = tuple(layers)
    macs, busy = sum(layer.macs for layer in layers), sum(layer.busy_cycles for layer in layers)
    bound = sum(layer.array_bound_cycles for layer in layers)
    estimate, compulsory = sum(layer.estimate_cycles for layer in layers), sum(layer.compulsory_bytes for layer in layers)
    peak = busy * profile.macs_per_cycle
    return {
        "MMAC": millions(macs) if macs else "",
        "cmds": count(sum(layer.commands for layer in layers)),
        "cycles": count(busy),
        "plan": count(estimate) if estimate else "",
        "bound": count(bound) if bound else "",
        "share": percent(sum(layer.share for layer in layers)),
        "util": percent(macs / peak) if macs and peak else "",
        "read": kib(sum(layer.off_chip_read_bytes for layer in layers)),
        "written": kib(sum(layer.off_chip_write_bytes for layer in layers)),
        "must": kib(compulsory) if compulsory else "",
    }


# what goes where layer and op together have less than so many columns, first to go first
SPARE = (("cmds", 46), ("plan", 42), ("must", 40), ("written", 36), ("bound", 30), ("read", 24))
LEGEND = (
    "cycles: MAC and vector commands, port waits included; plan: as the planner expected; bound: the array alone",
    "util: of the array in these cycles; read, written: KiB through the off-chip port; must: of these, no schedule avoids",
)


@dataclass(frozen=True)
class _Layout:
    """Which columns of figures stand in the table, and how wide the texts may be."""

    columns: tuple[str, ...]
    layer_width: int
    op_width: int


def _layout(figures: Sequence[dict[str, str]], names: Sequence[str], ops: Sequence[str], width: int) -> _Layout:
    wanted = max(map(len, names), default=5) + GAP + max(map(len, ops), default=2)
    widest = {column: max(len(column), *(len(row[column]) for row in figures)) for column in figures[0]}
    for column, least in SPARE:
        if width - sum(size + GAP for size in widest.values()) < min(least, wanted):
            del widest[column]
    left = width - sum(size + GAP for size in widest.values())
    op_width = min(max(map(len, ops), default=2), left - LEAST_NAME - 2 * GAP)
    return _Layout(tuple(widest), left - op_width - 2 * GAP, op_width)


def render_profile(profile: "Profile", *, width: int = 110, layers: int | None = 40, color: bool = False) -> str:
    """The whole table as text of at most `width` columns (at least 80)."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = max(width, LEAST_WIDTH)
    out = io.StringIO()
    # legacy_windows off: the text goes into a string, not to a console
    console = Console(
        file=out, width=width, force_terminal=color, color_system="standard" if color else None, legacy_windows=False, highlight=False, emoji=False
    )
    first, *rest = headline(profile)
    console.print(Text(first, style="bold"))
    for line in rest:
        console.print(Text(line))
    shown, hidden = _shown(profile.layers, layers)
    rows = [(layer.name, layer.op, _figures([layer], profile)) for layer in shown]
    if hidden:
        rows.append((f"and {len(hidden)} more", "", _figures(hidden, profile)))
    total = _figures(profile.layers, profile)
    layout = _layout([total, *(row[2] for row in rows)], [row[0] for row in rows], [row[1] for row in rows], width)
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, show_footer=True, header_style="bold", footer_style="bold")
    table.add_column("layer", footer="total", no_wrap=True)
    table.add_column("op", no_wrap=True)
    for name in layout.columns:
        table.add_column(name, footer=total[name], justify="right", no_wrap=True)
    for name, op, figures in rows:
        table.add_row(Text(clip(name, layout.layer_width)), Text(clip(op, layout.op_width)), *(figures[column] for column in layout.columns))
    if rows:
        console.print()
        console.print(table)
        for line in LEGEND:
            console.print(Text(line, style="dim"))
    if profile.queue_cycles and profile.cycles:
        busy = ", ".join(f"{name} {percent(cycles / profile.cycles)}" for name, cycles in profile.queue_cycles.items())
        console.print(Text(f"queues busy: {busy}"))
    if profile.ledger and profile.cycles:
        _ledger(console, profile.ledger)
    if profile.host_ops:
        _host_ops(console, profile, profile.host_ops)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


# what stands for useful cycles and for each cause in the bar, and its colour
_MARKS = {
    "useful": ("█", "green"), "edges": ("e", "yellow"), "depthwise": ("d", "yellow"), "wide": ("h", "yellow"), "output": ("o", "yellow"),
    "vector": ("v", "blue"), "fill": ("f", "magenta"), "sram_port": ("s", "cyan"), "off_chip_port": ("p", "cyan"), "shared_ports": ("c", "cyan"),
    "weights": ("w", "red"), "dma": ("m", "red"), "synchronization": ("y", "magenta"), "again": ("a", "yellow"),
}  # fmt: skip


def ledger_bar(slots: Mapping[str, int], width: int) -> list[tuple[str, int]]:
    """(cause, columns) of a bar of `width` columns; the largest remainders are rounded up."""
    total = sum(slots.values())
    exact = {cause: size * width for cause, size in slots.items() if size}
    columns = {cause: size // total for cause, size in exact.items()}
    rest = sorted(exact, key=lambda cause: -(exact[cause] % total))
    for cause in rest[: width - sum(columns.values())]:
        columns[cause] += 1
    return [(cause, count) for cause, count in columns.items() if count]


def _ledger(console, ledger: "Ledger") -> None:
    """A bar of all cycles by cause, and a line for each with the layers that lose the most."""
    from rich.table import Table
    from rich.text import Text

    from npuc.report.ledger import CAUSES, USEFUL

    bar = Text()
    for cause, columns in ledger_bar(ledger.slots, console.width):
        mark, colour = _MARKS[cause]
        bar.append(mark * columns, style=colour)
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("where the cycles went", no_wrap=True)
    table.add_column("cycles", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("most in", no_wrap=True, overflow="ellipsis")
    whole = ledger.cycles * ledger.slots_per_cycle
    for cause in (USEFUL, *sorted(CAUSES, key=lambda cause: -ledger.slots[cause])):
        slots = ledger.slots[cause]
        if not slots:
            continue
        label = Text.assemble(_MARKS[cause], " " + CAUSES.get(cause, cause))
        most = sorted(ledger.layers, key=lambda name: -ledger.layers[name][cause])[:2] if cause in CAUSES else []
        named = ", ".join(f"{clip(name, 30)} {percent(ledger.layers[name][cause] / slots)}" for name in most if ledger.layers[name][cause])
        table.add_row(label, f"{slots / ledger.slots_per_cycle:,.0f}", percent(slots / whole), Text(named))
    console.print()
    console.print(table)
    console.print(bar)


def render_fallbacks(profile: "Profile", *, width: int = 110) -> str:
    """The ops on the host that are no conversion of inputs and outputs, with reason and cost; "" where there is none."""
    chosen = [op for op in profile.host_ops if op.is_fallback]
    if not chosen:
        return ""
    from rich.console import Console

    out = io.StringIO()
    _host_ops(Console(file=out, width=max(width, LEAST_WIDTH), color_system=None, legacy_windows=False, highlight=False, emoji=False), profile, chosen)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def host_line(profile: "Profile") -> str:
    """What the host ops cost together, in one sentence."""
    took = f", {profile.host_seconds * 1e3:.3f} ms on this computer" if profile.host_seconds is not None else ""
    crossing = f"{_many(profile.host_transfers, 'transfer')} of {kib(profile.host_transfer_bytes)} KiB in all"
    return f"host: {_many(len(profile.host_ops), 'op')} around {_many(profile.npu_segments, 'NPU segment')}, {crossing}{took}; not in the cycles above"


def _many(number: int, name: str) -> str:
    return f"{count(number)} {name}{'s' if number != 1 else ''}"


def _host_ops(console, profile: "Profile", chosen: "Sequence[HostOp]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("on the host", no_wrap=True, overflow="ellipsis")
    table.add_column("layer", no_wrap=True, overflow="ellipsis", max_width=36)
    table.add_column("KiB in", justify="right", no_wrap=True)
    table.add_column("KiB out", justify="right", no_wrap=True)
    table.add_column("moved", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    # where not all are shown, those that a user can do something about come first
    shown = sorted(chosen, key=lambda op: not op.is_fallback)[:MOST_HOST_OPS] if len(chosen) > MOST_HOST_OPS else chosen
    for op in shown:
        moved = kib(op.transfer_bytes) if op.transfers else ""
        figures = (kib(op.bytes_in), kib(op.bytes_out), moved)
        table.add_row(Text(plain(op.op)), Text(clip(op.layer, 36)), *figures, Text(plain(op.reason)))
    console.print()
    console.print(table)
    if len(chosen) > len(shown):
        console.print(Text(f"and {len(chosen) - len(shown)} more on the host"))
    console.print(Text(host_line(profile)))
