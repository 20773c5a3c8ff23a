# SPDX-License-Identifier: Apache-2.0
"""The order of the passes on one page, and the driver that compile() and npu-opt share."""

import functools
import io
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from npuc.errors import InternalError, NpucError, UnsupportedOp, UserInputError
from npuc.passes import contracts
from npuc.passes.base import Diagnostics, Pass, error_from, find_pass, pass_names
from npuc.plan.options import TECHNIQUES

# From what a front door delivers (linalg, TOSA, or npu where it writes that itself) to commands.
DEFAULT = (
    "convert-tosa-to-npu",  # TOSA -> npu, one file an op
    "convert-linalg-to-npu",  # quantized linalg -> npu, one pattern file an op
    "npu-fold-constants",  # what depends on constants alone
    "npu-fuse-pads",  # a pad with the zero point is the padding of the op that reads it
    "npu-fuse-activations",  # a clamp is the bounds of the rescale before it
    "npu-tabulate",  # x * sigmoid(x) is a table
    "npu-fuse-rescales",  # a rescale that changes nothing goes
    "npu-channel-argmax",  # the dimension that an argmax searches goes last
    "npu-cancel-layouts",  # NCHW -> NHWC, transposes left only at the edges
    "npu-fold-constants",  # weights that were laid out anew
    "npu-fuse-pads",  # pads that a transpose hid
    "npu-fuse-activations",
    "npu-depthwise-to-conv2d",  # of a single channel, where that is faster
    "npu-slice-strides",  # a 1x1 kernel reads what it needs and no more
    "npu-drop-channels",  # channels that never change, and those that nobody reads
    "npu-split-channels",  # pools whose windows do not fit
    "npu-fuse-signs",  # bytes without a sign are read as they are, where the machine can
    "npu-pad-columns",  # a border is written where that is cheaper than commands for it
    "canonicalize",
    "cse",
    "npu-partition",  # npu or host, with the reason
    "npu-schedule",  # groups, order, stripes -> #npu.schedule
    "npu-tile",  # npu.group regions of tile-sized ops
    "npu-place-buffers",  # #npu.space on every buffer
    "convert-npu-to-npu-cmd",  # one op an instruction
)

# technique -> the pass of DEFAULT that it is: it is worth cycles, and no other pass relies on it
REWRITES = {"drop_channels": "npu-drop-channels", "tabulate": "npu-tabulate"}

PassLike = Pass | str


class Checker(Protocol):
    """What the driver asks of a validator; see `npuc.validate`."""

    def check(self, pass_text: str, before: bytes, module: ir.Module) -> None:
        """Raises ValidationError where `module` computes other bytes than the bytecode `before`."""


@dataclass(frozen=True)
class PassRun:
    """One pass that ran. `changed` is None where nobody asked (comparing costs a bytecode write)."""

    name: str
    seconds: float
    changed: bool | None


def leave_out(without: Iterable[str]) -> tuple[list[str], list[str]]:
    """The default passes without the rewrites among the techniques `without`, and those of them that the planner leaves out.

    Raises:
        UserInputError: no such technique.
    """
    names = [name.strip().replace("-", "_") for text in without for name in text.split(",") if name.strip()]
    for name in names:
        if name not in (*TECHNIQUES, *REWRITES):
            raise UserInputError("there is no such technique", found=name, wanted=", ".join((*TECHNIQUES, *REWRITES)))
    passes = {REWRITES[name] for name in names if name in REWRITES}
    return [one for one in DEFAULT if one not in passes], [name for name in names if name in TECHNIQUES]


def split_pipeline(text: str) -> list[str]:
    """`builtin.module(a{x=1 y=2},func.func(b,c),d)` -> [a{x=1 y=2}, func.func(b,c), d].

    Raises:
        UserInputError: parentheses that do not match.
    """
    anchored = re.fullmatch(r"\s*(?:builtin\.module|any)\s*\((.*)\)\s*", text, re.DOTALL)
    body = anchored[1] if anchored else text
    parts, depth, start = [], 0, 0
    for index, char in enumerate(body):
        depth += (char in "({") - (char in ")}")
        if depth < 0:
            raise UserInputError("the pass pipeline has a closing bracket too many", found=body[start : index + 1])
        if char == "," and depth == 0:
            parts.append(body[start:index])
            start = index + 1
    if depth:
        raise UserInputError("the pass pipeline has a bracket that is not closed", found=body[start:])
    parts.append(body[start:])
    return [part.strip() for part in parts if part.strip()]


def parse_pass(text: str) -> PassLike:
    """One element of a pipeline: our pass with its options, or the text of one of MLIR's.

    Raises:
        UserInputError: neither, or options that it does not take.
    """
    match = re.fullmatch(r"([\w.-]+)\s*(?:\{(.*)\})?", text, re.DOTALL)
    if match and match[1] in pass_names():
        return find_pass(match[1]).parse(match[2] or "")
    try:
        with _any_context():
            PassManager().add(text)
    except ValueError as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "")
        advice = "--list-passes shows the passes of npuc"
        raise UserInputError(
            f"there is no pass '{text}'", found=reason.removeprefix("MLIR Textual PassPipeline Parser:"), advice=advice
        ) from None
    return text


@functools.cache
def _any_context() -> ir.Context:
    """One in which nothing is made: parsing a pass asks for a context, and a new one is slow."""
    return ir.Context()


def parse_pipeline(text: str) -> list[PassLike]:
    """Every element of a pipeline in MLIR's syntax; passes of npuc and of MLIR may alternate."""
    return [parse_pass(part) for part in split_pipeline(text)]


def bytecode(module: ir.Module) -> bytes:
    """The module in MLIR's bytecode."""
    buffer = io.BytesIO()
    module.operation.write_bytecode(buffer)
    return buffer.getvalue()


def readable(module: ir.Module) -> str:
    """The module as text with locations, large constants elided."""
    return module.operation.get_asm(large_elements_limit=32, large_resource_limit=32, enable_debug_info=True)


def run_passes(
    module: ir.Module, passes: Iterable[PassLike], *,
    validate: Checker | None = None, check_contracts: bool = False, save_stages: Path | str | None = None,
    on_pass: Callable[[PassRun, ir.Module], None] | None = None, diagnostics: Diagnostics | None = None, verify: bool = True,
) -> list[PassRun]:  # fmt: skip
    """Runs `passes` over `module` in order.

    Args:
        module: rewritten in place; it is broken after an error.
        passes: pass objects, or texts as a pipeline has them ("npu-set-target{name=edge-256}", "canonicalize").
        validate: asked after every pass that changed something.
        check_contracts: hold the module against `contracts` after each pass that has one; `validate` implies it.
        save_stages: a folder that receives the input and the module after every pass that changed it, as bytecode
            (`NN-pass.mlirbc`) and as text with large constants elided (`NN-pass.mlir`).
        on_pass: called after every pass.
        diagnostics: receives what passes report; by default they only colour the error raised.
        verify: run MLIR's verifier after every pass of ours.

    Returns:
        Every pass with its time, in order.

    Raises:
        NpucError: what the pass raised; UnsupportedOp where it reported an error at an op; InternalError where a pass left
            IR that the verifier refuses, or one of MLIR's passes failed; ValidationError from `validate`.
    """
    chosen = [one for item in passes for one in ([item] if isinstance(item, Pass) else parse_pipeline(item))]
    folder = Path(save_stages) if save_stages is not None else None
    watch = validate is not None or folder is not None
    before = bytecode(module) if watch else b""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        _save(folder, 0, "input", before, module)
    runs: list[PassRun] = []
    for index, one in enumerate(chosen, 1):
        text = str(one)
        start = time.perf_counter()
        _run_one(module, one, text, diagnostics, verify)
        seconds = time.perf_counter() - start
        after = bytecode(module) if watch else b""
        changed = after != before if watch else None
        logging.getLogger("npuc").debug("%s: %.1f ms%s", text, seconds * 1e3, "" if changed is not False else ", unchanged")
        if folder is not None and changed:
            _save(folder, index, text, after, module)
        if check_contracts or validate is not None:
            contracts.check(module, _name(one))
        if validate is not None and changed:
            validate.check(text, before, module)
        runs.append(PassRun(text, seconds, changed))
        if on_pass is not None:
            on_pass(runs[-1], module)
        before = after
    return runs


def _name(one: PassLike) -> str:
    return one.pass_name() if isinstance(one, Pass) else one


def _run_one(module: ir.Module, one: PassLike, text: str, sink: Diagnostics | None, verify: bool) -> None:
    with module.context, ir.Location.unknown(), Diagnostics(module.context) as own:
        try:
            if isinstance(one, Pass):
                one.run(module)
            else:
                _run_textual(module, one)
        except ir.MLIRError as error:
            raise error_from(own.errors, InternalError, f"pass '{text}' failed", advice="" if own.errors else str(error)) from error
        finally:
            if sink is not None:
                sink.seen.extend(own.seen)
        if own.errors:
            raise error_from(own.errors, UnsupportedOp, f"pass '{text}' cannot handle the module")
        if verify and isinstance(one, Pass) and one.needs_verifier:
            verify_module(module, f"pass '{text}' left IR that is not well formed", InternalError)


def _run_textual(module: ir.Module, text: str) -> None:
    manager = PassManager()
    manager.add(text)
    manager.run(module.operation)


def verify_module(module: ir.Module, message: str, kind: type[NpucError]) -> None:
    """Runs MLIR's verifier.

    Raises:
        NpucError: of class `kind`, with `message` and what the verifier says.
    """
    with Diagnostics(module.context) as own:
        try:
            sound = module.operation.verify()
        except ir.MLIRError:
            sound = False
    if not sound:
        raise error_from(own.errors, kind, message)


def _save(folder: Path, index: int, text: str, data: bytes, module: ir.Module) -> None:
    # a nested one of MLIR's, "func.func(cse)", becomes func.func-cse
    name = re.sub(r"[^\w.-]+", "-", text.partition("{")[0]).strip("-")
    stem = f"{index:02d}-{name}"
    (folder / f"{stem}.mlirbc").write_bytes(data)
    (folder / f"{stem}.mlir").write_text(readable(module))


def total_seconds(runs: Sequence[PassRun]) -> float:
    """Time spent in passes."""
    return sum(run.seconds for run in runs)
