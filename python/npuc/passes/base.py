# SPDX-License-Identifier: Apache-2.0
"""What a pass is, how it is found, and how MLIR's diagnostics become errors of npuc.

A pass is one file of this folder (or one package, for a pass with a folder of patterns): its docstring is the pass's
documentation, its one `Pass` class holds the options as dataclass fields. The pass's name is the file's name in kebab case.

    \"\"\"Sets every stride to `value`.\"\"\"

    @dataclass(frozen=True)
    class DemoFoldStride(Pass):
        value: int = option("the stride to set", default=1)

        def run(self, module: ir.Module) -> None: ...

A pass that cannot go on raises `refusal(op, UnsupportedOp, "...")`, or calls `op.location.emit_error(...)`, which fails the pass
when it returns.
"""

import dataclasses
import functools
import importlib
import inspect
import pkgutil
import re
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
from torch_mlir import ir, rewrite

from npuc import targets
from npuc.dialects.attrs import TargetRef, from_attr
from npuc.dialects.base import build
from npuc.dialects.npu.ops.constant import constant_array
from npuc.errors import InternalError, NpucError, UserInputError
from npuc.ops import all_ops
from npuc.ops.base import OpSpec
from npuc.passes._rewrites import counted
from npuc.targets.base import Target

TARGET_ATTRIBUTE = "npu.target"

# Files of this folder that hold no pass.
_NO_PASSES = {"base", "contracts", "pipeline"}

Error = TypeVar("Error", bound=NpucError)


def option(doc: str, default: Any = dataclasses.MISSING) -> Any:
    """An option of a pass; without a default it must be given. Types: str, int, float, bool, and `X | None`."""
    return dataclasses.field(default=default, metadata={"doc": doc}, kw_only=True)


@dataclass(frozen=True)
class Pass:
    """A rewrite of a whole module. Options are fields made by `option`.

    Attributes:
        needs_verifier: MLIR's verifier looks at what the pass leaves; a pass that says no has it checked elsewhere.
    """

    needs_verifier: ClassVar[bool] = True

    def run(self, module: ir.Module) -> None:
        """Rewrites `module` in place; the context is entered.

        Raises:
            NpucError: the module cannot be handled, and why.
        """
        raise NotImplementedError(type(self).__name__)

    @classmethod
    def pass_name(cls) -> str:
        """The name on the command line: the file's in kebab case (the class's, for a class outside this folder)."""
        package, _, stem = cls.__module__.rpartition(".")
        if package == __package__:
            return stem.replace("_", "-")
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def doc(cls) -> str:
        """The documentation: the docstring of the file."""
        return inspect.cleandoc(importlib.import_module(cls.__module__).__doc__ or "")

    @classmethod
    def option_docs(cls) -> list[str]:
        """One line an option: name, default, meaning."""
        lines = []
        for one in dataclasses.fields(cls):
            default = "required" if one.default is dataclasses.MISSING else f"default {_print_value(one.default)}"
            lines.append(f"{one.name.replace('_', '-')} ({default}): {one.metadata['doc']}")
        return lines

    @classmethod
    def parse(cls, text: str = "") -> "Pass":
        """The pass with options in MLIR's syntax, `name=value name=value`, dashes or underscores alike.

        Raises:
            UserInputError: no such option, or a value of the wrong type, or a required one missing.
        """
        hints = typing.get_type_hints(cls)
        known = {f.name: f for f in dataclasses.fields(cls)}
        values: dict[str, Any] = {}
        for key, value in _key_values(text):
            name = key.replace("-", "_")
            if name not in known:
                wanted = ", ".join(n.replace("_", "-") for n in known) or "no options"
                raise UserInputError(f"pass '{cls.pass_name()}' has no option '{key}'", found=key, wanted=wanted)
            values[name] = _parse_value(cls.pass_name(), key, value, hints[name])
        missing = [n for n, f in known.items() if f.default is dataclasses.MISSING and n not in values]
        if missing:
            raise UserInputError(
                f"pass '{cls.pass_name()}' needs option '{missing[0].replace('_', '-')}'", wanted=known[missing[0]].metadata["doc"]
            )
        return cls(**values)

    def __str__(self) -> str:
        """The pass with the options that differ from their defaults, as `--pass-pipeline` takes it."""
        given = [(f.name, getattr(self, f.name)) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default]
        if not given:
            return self.pass_name()
        return self.pass_name() + "{" + " ".join(f"{name.replace('_', '-')}={_print_value(value)}" for name, value in given) + "}"


def _key_values(text: str) -> Iterator[tuple[str, str]]:
    """`a=1 b="x y" c` -> (a, 1), (b, x y), (c, true)."""
    pattern = re.compile(r"""\s*([\w.-]+)(?:=("(?:[^"\\]|\\.)*"|'[^']*'|\{[^}]*\}|[^\s]*))?""")
    rest = text.strip()
    while rest:
        match = pattern.match(rest)
        if match is None:
            raise UserInputError(f"pass options are not readable at '{rest}'", found=text, wanted="name=value name=value")
        value = match[2]
        if value is None:
            yield match[1], "true"
        elif value[:1] in ('"', "'", "{"):
            yield match[1], value[1:-1]
        else:
            yield match[1], value
        rest = rest[match.end() :].strip()


def _parse_value(pass_name: str, key: str, text: str, hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        if text == "none":
            return None
        hint = next(t for t in typing.get_args(hint) if t is not types.NoneType)
    if hint is bool:
        if text not in ("true", "1", "false", "0"):
            raise UserInputError(f"option '{key}' of pass '{pass_name}' is not usable", found=text, wanted="true or false")
        return text in ("true", "1")
    try:
        return hint(text)
    except ValueError:
        raise UserInputError(
            f"option '{key}' of pass '{pass_name}' is not usable", found=text, wanted=f"a value of type {hint.__name__}"
        ) from None


def _print_value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    text = str(value)
    return f'"{text}"' if " " in text else text


# finding passes ------------------------------------------------------------------------------------


@functools.cache
def pass_names() -> tuple[str, ...]:
    """The name of every pass of this folder, sorted; imports none of them."""
    path = importlib.import_module(__package__).__path__
    stems = (info.name for info in pkgutil.iter_modules(path))
    return tuple(sorted(stem.replace("_", "-") for stem in stems if stem not in _NO_PASSES and not stem.startswith("_")))


def find_pass(name: str) -> type[Pass]:
    """The pass class called `name`; imports that one file.

    Raises:
        KeyError: no file of that name.
        InternalError: the file does not hold exactly one pass.
    """
    if name not in pass_names():
        raise KeyError(name)
    module = importlib.import_module(f"{__package__}.{name.replace('-', '_')}")
    found = [cls for cls in vars(module).values() if inspect.isclass(cls) and issubclass(cls, Pass) and cls.__module__ == module.__name__]
    if len(found) != 1:
        raise InternalError(f"file of pass '{name}' holds {len(found)} passes, wanted one")
    return found[0]


# diagnostics ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Diagnostic:
    """One of MLIR's diagnostics, free of MLIR.

    Attributes:
        severity: error, warning, remark or note.
        file, line, column: the first file position of its location; "" and 0 where there is none.
        layer: the first name of its location.
        notes: attached notes.
    """

    severity: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    layer: str = ""
    notes: tuple["Diagnostic", ...] = ()

    @classmethod
    def of(cls, source: Any) -> "Diagnostic":
        """From `ir.Diagnostic` or `ir.DiagnosticInfo`."""
        file, line, column = position(source.location)
        severity = source.severity.name.lower()
        return cls(
            severity, source.message, file, line, column, location_name(source.location), tuple(cls.of(note) for note in source.notes)
        )

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: " if self.line else ""
        layer = f"(layer {self.layer}) " if self.layer else ""
        lines = [f"{where}{self.severity}: {layer}{self.message}"]
        return "\n".join(lines + [str(note) for note in self.notes])


class Diagnostics:
    """Context manager that collects what MLIR reports in `context` meanwhile, instead of printing it.

    Attributes:
        seen: the diagnostics so far.
    """

    def __init__(self, context: ir.Context):
        self.seen: list[Diagnostic] = []
        self._context = context

    def __enter__(self) -> "Diagnostics":
        self._before = self._context.emit_error_diagnostics
        # without this, MLIR keeps errors for its exception and the handler sees nothing
        self._context.emit_error_diagnostics = True
        self._handler = self._context.attach_diagnostic_handler(self._collect)
        return self

    def __exit__(self, *_: object) -> None:
        self._handler.detach()
        # it holds this object, which holds the context: no collector sees the bindings' side of such a circle
        del self._handler
        self._context.emit_error_diagnostics = self._before

    def _collect(self, diagnostic: ir.Diagnostic) -> bool:
        self.seen.append(Diagnostic.of(diagnostic))
        return True

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.seen if d.severity == "error"]


def error_from(diagnostics: Iterable[Diagnostic], kind: type[Error], message: str, **fields: Any) -> Error:
    """The one way from MLIR's diagnostics to an error of npuc: `kind` with the first diagnostic's words and layer."""
    errors = [d for d in diagnostics if d.severity == "error"]
    if not errors:
        return kind(message, **fields)
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    where = f"{first.file}:{first.line}: " if first.line else ""
    fields.setdefault("layer", first.layer)
    return kind(f"{message}: {where}{first.message}{more}", **fields)


def refusal(op: Any, kind: type[Error], message: str, **fields: Any) -> Error:
    """The error to raise for `op`: layer filled in, and reported at the op's own place so that npu-opt can point there."""
    fields.setdefault("layer", layer_name(op))
    error = kind(message, **fields)
    op.location.emit_error(f"{error}")
    return error


# places --------------------------------------------------------------------------------------------


def position(location: ir.Location) -> tuple[str, int, int]:
    """First (file, line, column) in `location`, ("", 0, 0) where there is none."""
    for part in _parts(location):
        if isinstance(part, ir.FileLineColLoc):
            return part.filename, part.start_line, part.start_col
    return "", 0, 0


def location_name(location: ir.Location) -> str:
    """First name in `location`, "" where there is none."""
    return next(iter(location_names(location)), "")


def location_names(location: ir.Location) -> list[str]:
    """Every name in `location`, outermost first: the layer's, and behind it what the frontend calls the op."""
    return [part.name_str for part in _parts(location) if isinstance(part, ir.NameLoc)]


def _parts(location: ir.Location) -> Iterator[ir.Location]:
    yield location
    if isinstance(location, ir.NameLoc):
        yield from _parts(location.child_loc)
    if isinstance(location, ir.FusedLoc):
        for part in location.locations:
            yield from _parts(part)
    if isinstance(location, ir.CallSiteLoc):
        yield from _parts(location.callee)
        yield from _parts(location.caller)


def layer_name(op: Any) -> str:
    """The model's own name of the layer that `op` came from ("layer3.0.conv2"), "" where it is not known."""
    return location_name(op.location)


# reading the IR ------------------------------------------------------------------------------------


def target_of(module: Any) -> Target:
    """The machine that `npu-set-target` named; `module` is an ir.Module or its operation.

    Raises:
        UserInputError: the module names none, or the attribute is not one of ours.
    """
    attributes = module.operation.attributes
    if TARGET_ATTRIBUTE not in attributes:
        raise UserInputError(
            "the module names no target", wanted=f"attribute {TARGET_ATTRIBUTE}", advice="run npu-set-target{name=...} first"
        )
    try:
        reference = from_attr(attributes[TARGET_ATTRIBUTE])
    except ValueError as error:
        raise UserInputError(f"module attribute {TARGET_ATTRIBUTE} {error}") from None
    if not isinstance(reference, TargetRef):
        raise UserInputError(
            "the module's target is not readable",
            found=str(attributes[TARGET_ATTRIBUTE]),
            wanted='#npu.target<"name", {sram_bytes = N : i64}>',
        )
    return targets.get(reference.name).with_sram(reference.sram_bytes)


def named_target(module: Any) -> Target | None:
    """As `target_of`; None where the module is for no machine in particular."""
    return target_of(module) if TARGET_ATTRIBUTE in module.operation.attributes else None


def refuses(target: Target, *specs: OpSpec) -> bool:
    """Whether the machine refuses one of them, whatever the tiling."""
    return any(next(spec.limits(target), None) is not None for spec in specs)


def operations(module: Any, *names: str) -> list[ir.Operation]:
    """Every operation inside `module`, in program order, or those called one of `names`.

    The list is made before the caller rewrites; a caller that erases operations must not touch their entries again.
    """
    found: list[ir.Operation] = []
    chosen = set(names)

    def visit(op: Any) -> ir.WalkResult:
        if not chosen or op.name in chosen:
            found.append(op.operation)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found


def functions(module: ir.Module) -> list[Any]:
    """The func.func operations with a body, in order."""
    return [op for op in module.body.operations if op.operation.name == "func.func" and len(op.operation.regions[0].blocks)]


def defining(value: ir.Value, *names: str) -> ir.Operation | None:
    """The operation that produces `value` when it is called one of `names` (any, without names), else None."""
    owner = value.owner
    if isinstance(owner, ir.Block):
        return None
    op = owner.operation
    return op if not names or op.name in names else None


def uses(value: ir.Value) -> int:
    """How many operands read `value`."""
    return sum(1 for _ in value.uses)


# More rewrites than this for each operation of the module are taken for a loop.
_REWRITES_PER_OP = 50


def apply_patterns(module: ir.Module, *patterns: tuple[str, Any]) -> None:
    """Applies (op name, function) patterns greedily until nothing changes.

    A function takes (op, rewriter) and returns True when it did NOT match, as MLIR's bindings want it.

    Raises:
        InternalError: the patterns do not settle.
    """
    chosen = rewrite.RewritePatternSet()
    for name, function in patterns:
        chosen.add(name, counted(function, name))
    config = rewrite.GreedyRewriteConfig()
    # dead operations go, equal constants and regions stay: cse and canonicalize are passes of their own
    config.enable_constant_cse = False
    config.region_simplification_level = rewrite.GreedySimplifyRegionLevel.DISABLED
    # what a pattern makes is only visited in the next round, so a chain needs as many rounds as it is long; the number of rewrites ends a loop
    config.max_iterations = config.max_num_rewrites = _REWRITES_PER_OP * len(operations(module))
    try:
        rewrite.apply_patterns_and_fold_greedily(module, chosen.freeze(), config)
    except RuntimeError as error:
        names = ", ".join(sorted({function.__name__ for _, function in patterns}))
        raise InternalError(f"the rewrite patterns {names} do not settle") from error


# changing the IR -----------------------------------------------------------------------------------


def replace_op(
    rewriter: rewrite.PatternRewriter, op: ir.Operation, spec: OpSpec, operands: Sequence[ir.Value], *more: ir.Operation
) -> None:
    """Replaces `op` by the op of `spec`; its location is fused with those of `more`, the ops it takes up, theirs last."""
    location = fused(op, *more)
    with rewriter.ip:
        value = build(spec, operands, loc=location)
    rewriter.replace_op(op, [value])


def fused(op: ir.Operation, *more: ir.Operation) -> ir.Location:
    """The location of an op that stands for all of these; its layer name is the first one's."""
    if not more:
        return op.location
    return ir.Location.fused([op.location, *(other.location for other in more)])


def beside_layer(op: ir.Operation, part: str) -> ir.Location:
    """The location of an op that a pass puts before or behind `op`: named after its layer, where that has a name."""
    name = layer_name(op)
    return ir.Location.name(f"{name}/{part}") if name else op.location


def is_constant(value: ir.Value) -> bool:
    """Whether an `npu.constant` makes the value."""
    return defining(value, "npu.constant") is not None


def constant_value(value: ir.Value) -> np.ndarray | None:
    """The array of the `npu.constant` that makes `value`, read-only; None where something else makes it."""
    op = defining(value, "npu.constant")
    return None if op is None else constant_array(op)


def spec_ops() -> tuple[str, ...]:
    """The MLIR name of every op of npuc.ops."""
    return tuple(f"npu.{name}" for name in all_ops())
