# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reference/ from the code: ops, instructions, targets, passes, errors.

    python tools/gen_docs.py            writes the pages
    python tools/gen_docs.py --check    ends with status 1 and names the pages that would change
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from npuc.errors import NpucError, all_errors
from npuc.passes.base import find_pass, pass_names
from npuc.passes.pipeline import DEFAULT
from npuc.report import describe

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
NOTE = "<!-- Written by tools/gen_docs.py from the code. Run `make docs` instead of editing it. -->\n"


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def formula(doc: str) -> str:
    """A docstring: its text is laid out by hand and full of indices, so it stays as it is."""
    return f"```text\n{doc}\n```"


def ops_page() -> str:
    found = describe.ops()
    where = {"npu": "NPU", "host": "host, at the edge of a program", "view": "nothing runs: the type alone changes"}
    parts = [
        "# Ops",
        "What a network is made of after conversion, as `npu.<name>` in MLIR. Activations are NHWC. Also on the command line: `npuc ops`.",
        table(("op", "operands", "runs on"), [(f"[{one.name}](#{one.name})", code(", ".join(one.operands)), where[one.where]) for one in found]),
    ]
    for one in found:
        parts += [f"## {one.name}", formula(one.doc)]
        parts.append("Operands: " + ", ".join(map(code, one.operands)) + (", any number of them." if one.variadic else "."))
        if one.params:
            rows = [(code(name), code(kind), code(default), doc) for name, kind, default, doc in one.params]
            parts.append(table(("parameter", "type", "default", "meaning"), rows))
        if one.limits and one.where == "npu":
            parts.append("A machine refuses it unless:\n" + "\n".join(f"- {rule}" for rule in one.limits))
    return "\n\n".join(parts)


def instructions_page() -> str:
    parts = [
        "# Instructions",
        "What a machine does, as `npu_cmd.<mnemonic>` in MLIR and as bytes in a program file. How they cost and how queues and semaphores order them: "
        "[the machine](../machine.md). Fields are encoded in this order, little-endian.",
    ]
    for one in describe.instructions():
        parts += [f"## {one.mnemonic}", f"Opcode {one.opcode}, unit `{one.unit}`.", formula(one.doc)]
        parts.append(table(("field", "kind", "meaning"), [(code(name), kind, doc) for name, kind, doc in one.fields]))
    return "\n\n".join(parts)


def targets_page() -> str:
    machines = describe.all_targets()
    columns = [dict(describe.target_rows(machine)) for machine in machines]
    rows = [(label, *(column[label] for column in columns)) for label in columns[0]]
    parts = [
        "# Targets",
        "The machines, one file each in `python/npuc/targets/`. `--sram-kib N` (`sram_kib=`) replaces the capacity of the SRAM. "
        "Also on the command line: `npuc targets`.",
        table(("", *(code(machine.name) for machine in machines)), rows),
        "Off-chip latency is read / write. Bytes a cycle are those of a port that reads and writes share.",
    ]
    return "\n\n".join(parts)


def passes_page() -> str:
    parts = [
        "# Passes",
        "In the order in which `compile` runs them, after `npu-set-target`; MLIR's own are in italics. `npu-opt` runs any of them: "
        "`--pass-pipeline='builtin.module(…)'`, or a flag a pass.",
        "\n".join(f"{i}. " + (f"[{name}](#{name})" if name in pass_names() else f"*{name}*") for i, name in enumerate(DEFAULT, 1)),
    ]
    for name in pass_names():
        cls = find_pass(name)
        parts += [f"## {name}", cls.doc()]
        options = cls.option_docs()
        if options:
            parts.append("Options:\n" + "\n".join(f"- `{text.partition(' ')[0]}` {text.partition(' ')[2]}" for text in options))
    return "\n\n".join(parts)


def errors_page() -> str:
    def depth(cls: type[NpucError]) -> int:
        return cls.__mro__.index(NpucError)

    rows = [(code(cls.code), "&nbsp;" * 4 * depth(cls) + code(cls.__name__), describe.first_sentence(cls.__doc__)) for cls in all_errors()]
    return "\n\n".join([
        "# Errors",
        "Every error that npuc raises on purpose is one of these, from `npuc.errors`. The codes are stable. A message states what is wrong "
        "and, where they are known, the layer, the rule, what was found, what was wanted and what to change; the command line prints it as "
        "`npuc: error: …` and ends with status 1.",
        table(("code", "class", "when"), rows),
    ])  # fmt: skip


def index_page() -> str:
    return "\n\n".join([
        "# Reference",
        "Generated from the code.",
        "\n".join(f"- [{path.removesuffix('.md')}]({path})" for path in PAGES if path != "README.md"),
    ])  # fmt: skip


PAGES: dict[str, Callable[[], str]] = {
    "ops.md": ops_page,
    "instructions.md": instructions_page,
    "targets.md": targets_page,
    "passes.md": passes_page,
    "errors.md": errors_page,
    "README.md": index_page,
}


def contents() -> dict[str, str]:
    """File name -> text of every page."""
    return {name: NOTE + "\n" + re.sub(r"[ \t]+$", "", page(), flags=re.MULTILINE) + "\n" for name, page in PAGES.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is out of date")
    options = parser.parse_args()
    stale = []
    for name, text in contents().items():
        path = FOLDER / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if not stale:
        print("docs/reference is up to date")
        return 0
    print(f"docs/reference: {', '.join(stale)} {'out of date, run `make docs`' if options.check else 'written'}")
    return 1 if options.check else 0


if __name__ == "__main__":
    sys.exit(main())
