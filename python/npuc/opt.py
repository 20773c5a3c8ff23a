# SPDX-License-Identifier: Apache-2.0
"""npu-opt: reads .mlir, runs passes of npuc and of MLIR, prints .mlir.

    npu-opt in.mlir --pass-pipeline='builtin.module(npu-set-target{name=edge-256},canonicalize,func.func(cse))'
    npu-opt in.mlir --npu-fold-constants --cse -o out.mlir

It never imports torch. Exit status 0 when everything went well, 1 otherwise.
"""

import argparse
import contextlib
import faulthandler
import logging
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from torch_mlir import ir

from npuc.arguments import seed
from npuc.errors import ImportFailed, NpucError, UserInputError
from npuc.files import check_mlir_text, load_arrays, write_whole
from npuc.passes.base import Diagnostic, Diagnostics, find_pass, pass_names
from npuc.passes.pipeline import PassLike, PassRun, parse_pass, parse_pipeline, run_passes, total_seconds

_BYTECODE_MAGIC = b"ML\xefR"
_SPLIT = re.compile(r"^[ \t]*// -----.*\n?", re.MULTILINE)
# A verifier's note prints the whole operation, constants and all.
_MESSAGE_LIMIT = 4000
_SPACE = "\x1f"


def main(argv: list[str] | None = None) -> int:
    """Runs the tool on `argv` (the process's own arguments by default) and returns the exit status."""
    if sys.__stderr__ is not None and not faulthandler.is_enabled():
        faulthandler.enable(file=sys.__stderr__)
    # argparse takes an unknown argument with a space in it for the input, also where it starts with dashes
    given = [one.replace(" ", _SPACE) if one.startswith("--") else one for one in (sys.argv[1:] if argv is None else argv)]
    options, unknown = _parser().parse_known_args(given)
    unknown = [one.replace(_SPACE, " ") for one in unknown]
    for name, value in vars(options).items():
        if isinstance(value, str):
            setattr(options, name, value.replace(_SPACE, " "))
    try:
        return _run(options, unknown)
    except NpucError as error:
        print(f"{_shown(options.input)}: error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename or _shown(options.input)}: error: {error.strerror}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="npu-opt", allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Runs passes of npuc and of MLIR over a module.",
        epilog="Every pass is a flag too, in the order given: --npu-fold-constants --canonicalize='max-iterations=3'.",
    )  # fmt: skip
    parser.add_argument("input", nargs="?", default="-", help="a .mlir file (or a stage saved as bytecode); - is standard input")
    parser.add_argument(
        "-o", dest="output", default="-", metavar="FILE", help="where the result goes; nothing is written when a pass fails"
    )
    parser.add_argument("--pass-pipeline", metavar="TEXT", help="the passes in MLIR's syntax, ours and MLIR's mixed")
    parser.add_argument("--list-passes", action="store_true", help="print every pass of npuc with its documentation and options")
    parser.add_argument("--split-input-file", action="store_true", help="handle the parts between '// -----' lines one by one")
    parser.add_argument(
        "--verify-diagnostics", action="store_true", help="hold diagnostics against expected-error@+1 {{...}} comments; print no module"
    )
    parser.add_argument("--verify-each", type=int, choices=(0, 1), default=1, metavar="0|1", help="run the verifier after every pass")
    parser.add_argument("--emit-bytecode", action="store_true", help="write bytecode instead of text")
    parser.add_argument("--mlir-print-ir-after-all", action="store_true", help="print the module after every pass on standard error")
    parser.add_argument("--mlir-print-debuginfo", action="store_true", help="print locations")
    parser.add_argument("--mlir-elide-elementsattrs-if-larger", type=int, metavar="N", help="elide constants of more than N elements")
    parser.add_argument("--mlir-timing", action="store_true", help="print the time of every pass on standard error")
    parser.add_argument("--save-stages", metavar="DIR", help="write the module after every pass that changed it")
    parser.add_argument("--check-contracts", action="store_true", help="after each stage, refuse operations that it promises not to leave")
    parser.add_argument(
        "--validate", action="store_true", help="execute the module before and after every pass that changed it and compare the bytes"
    )
    parser.add_argument("--validate-inputs", metavar="NPZ", help="inputs for --validate, in the order of the file; random ones otherwise")
    parser.add_argument("--seed", type=seed, default=0, help="for the random inputs of --validate (default 0)")
    parser.add_argument("-v", "--verbose", action="store_true", help="log every pass")
    parser.add_argument("--parse-bytecode", action="store_true", help=argparse.SUPPRESS)
    return parser


def _run(options: argparse.Namespace, unknown: list[str]) -> int:
    if options.verbose:
        logging.basicConfig(format="%(message)s")
        logging.getLogger("npuc").setLevel(logging.DEBUG)
    if options.list_passes:
        _list_passes()
        return 0
    if options.parse_bytecode:
        return _parse_bytecode()
    passes = _passes(options, unknown)
    text = _read(options.input)
    chunks = _chunks(text) if options.split_input_file else [text]
    results = [_process(chunk, options, passes) for chunk in chunks]
    if not all(result.good for result in results):
        return 1
    if not options.verify_diagnostics:
        _write(options, results)
    return 0


def _passes(options: argparse.Namespace, unknown: list[str]) -> list[PassLike]:
    """Passes of --pass-pipeline, or of the flags that argparse did not know."""
    flags: list[PassLike] = []
    for argument in unknown:
        match = re.fullmatch(r"--?([\w.-]+)(?:=(.*))?", argument, re.DOTALL)
        if match is None:
            raise UserInputError(f"argument '{argument}' is not understood", advice="npu-opt --help")
        flags.append(parse_pass(match[1] + ("{" + match[2] + "}" if match[2] else "")))
    if flags and options.pass_pipeline is not None:
        raise UserInputError("--pass-pipeline and passes as flags do not go together", found=" ".join(map(str, flags)))
    return flags or parse_pipeline(options.pass_pipeline or "")


def _list_passes() -> None:
    for name in pass_names():
        cls = find_pass(name)
        print(f"--{name}")
        for line in cls.doc().splitlines():
            print(f"      {line}".rstrip())
        for text in cls.option_docs():
            print(f"    {text}")


# reading and writing -------------------------------------------------------------------------------


def _shown(path: str) -> str:
    return "<stdin>" if path == "-" else path


def _read(path: str) -> str:
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    if data.startswith(_BYTECODE_MAGIC):
        return _text_of_bytecode(data)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ImportFailed(
            "the input is neither text nor MLIR bytecode", found=f"byte 0x{data[error.start]:02x} at {error.start}"
        ) from None


def _text_of_bytecode(data: bytes) -> str:
    """Damaged bytecode can crash MLIR's reader, so a child process reads it."""
    child = subprocess.run([sys.executable, "-m", "npuc.opt", "--parse-bytecode"], input=data, capture_output=True, check=False)
    if child.returncode == 0:
        return child.stdout.decode()
    last = (child.stderr.decode(errors="replace").strip().splitlines() or [""])[0]
    found = f"the reader died of signal {-child.returncode}" if child.returncode < 0 else last
    raise ImportFailed("the bytecode is damaged or not of this version of MLIR", found=found)


def _parse_bytecode() -> int:
    """The child's side: bytecode on standard input, text on standard output."""
    data = sys.stdin.buffer.read()
    try:
        with _context():
            print(ir.Module.parse(data).operation.get_asm(enable_debug_info=True))
    except ir.MLIRError as error:
        print(str(error).splitlines()[-1], file=sys.stderr)
        return 1
    return 0


def _chunks(text: str) -> list[str]:
    """Parts between '// -----' lines, each with empty lines before it so that line numbers stay the file's."""
    parts, line = [], 0
    for part in _SPLIT.split(text):
        parts.append("\n" * line + part)
        line += part.count("\n") + 1
    return parts


def _write(options: argparse.Namespace, results: "list[_Result]") -> None:
    data = b"// -----\n".join(result.output for result in results)
    if options.output == "-":
        sys.stdout.flush()
        # under a test runner that captures, standard output has no buffer below it
        binary = getattr(sys.stdout, "buffer", None)
        if binary is None:
            sys.stdout.write(data.decode())
        else:
            binary.write(data)
            binary.flush()
        return
    write_whole(options.output, data)


# one chunk -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Result:
    good: bool
    output: bytes = b""


@contextlib.contextmanager
def _context():
    # imported here so that --help and --list-passes stay quick
    from npuc import dialects

    with ir.Context() as context, ir.Location.unknown():
        dialects.load(context)
        yield context


def _process(text: str, options: argparse.Namespace, passes: list[PassLike]) -> _Result:
    with _context() as context, Diagnostics(context) as diagnostics:
        error: NpucError | None = None
        output = b""
        try:
            module = _parse(text)
            runs = run_passes(
                module,
                passes,
                validate=_validator(options),
                check_contracts=options.check_contracts,
                save_stages=options.save_stages,
                on_pass=_print_after if options.mlir_print_ir_after_all else None,
                diagnostics=diagnostics,
                verify=bool(options.verify_each),
            )
            if options.mlir_timing:
                _print_times(runs)
            output = _printed(module, options)
        except NpucError as raised:
            error = raised
        seen = list(diagnostics.seen)
    if error is not None and not any(d.severity == "error" for d in seen):
        seen.append(Diagnostic("error", str(error)))
    if options.verify_diagnostics:
        problems = _compare(text, seen)
        for problem in problems:
            print(f"{_shown(options.input)}:{problem}", file=sys.stderr)
        return _Result(not problems)
    for diagnostic in seen:
        print(_cut(_named(diagnostic, options.input)), file=sys.stderr)
    return _Result(error is None, output)


def _parse(text: str) -> ir.Module:
    check_mlir_text(text)
    try:
        return ir.Module.parse(text)
    except ir.MLIRError as error:
        raise ImportFailed("the module is not readable") from error


def _validator(options: argparse.Namespace):
    if not options.validate:
        return None
    from npuc.validate import Validator

    inputs = list(load_arrays(options.validate_inputs).values()) if options.validate_inputs else None
    return Validator(inputs, seed=options.seed, engines=("numpy", "auto"))


def _printed(module: ir.Module, options: argparse.Namespace) -> bytes:
    if options.emit_bytecode:
        from npuc.passes.pipeline import bytecode

        return bytecode(module)
    return module.operation.get_asm(
        enable_debug_info=options.mlir_print_debuginfo, large_elements_limit=options.mlir_elide_elementsattrs_if_larger
    ).encode()


def _print_after(run: PassRun, module: ir.Module) -> None:
    print(f"// -----// IR Dump After {run.name} //----- //", file=sys.stderr)
    print(module.operation.get_asm(large_elements_limit=32), file=sys.stderr)


def _print_times(runs: list[PassRun]) -> None:
    total = total_seconds(runs)
    print("===- Pass execution timing -===", file=sys.stderr)
    print(f"  Total: {total:.4f} seconds", file=sys.stderr)
    for run in runs:
        print(f"  {run.seconds:.4f} ({100 * run.seconds / max(total, 1e-9):5.1f}%)  {run.name}", file=sys.stderr)


# diagnostics ---------------------------------------------------------------------------------------


def _named(diagnostic: Diagnostic, path: str) -> str:
    """MLIR calls any text it parses "-"."""
    text = str(diagnostic) if diagnostic.line else f"{_shown(path)}: {diagnostic}"
    return re.sub(r"^-(?=:\d+:\d+: )", lambda _: _shown(path), text, flags=re.MULTILINE)


def _cut(text: str) -> str:
    return text if len(text) <= _MESSAGE_LIMIT else text[:_MESSAGE_LIMIT] + " ..."


@dataclass(frozen=True)
class _Expected:
    severity: str
    pattern: re.Pattern[str]
    text: str
    line: int
    written_at: int

    def matches(self, diagnostic: Diagnostic) -> bool:
        return self.severity == diagnostic.severity and self.line == diagnostic.line and self.pattern.search(diagnostic.message) is not None


_EXPECTED = re.compile(
    r"expected-(error|warning|note|remark)(-re)?\s*(?:@([+-]\d+|above|below|unknown))?\s*\{\{((?:[^{}]|\{\{.*?\}\}|[{}](?![{}]))*)\}\}"
)
_OFFSETS = {"above": -1, "below": 1}


def _expectations(text: str) -> list[_Expected]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        for match in _EXPECTED.finditer(line):
            severity, regex, offset, body = match.groups()
            at = 0 if offset == "unknown" else number + _OFFSETS.get(offset or "", 0) + (int(offset) if offset and offset[0] in "+-" else 0)
            found.append(_Expected(severity, _pattern(body, bool(regex)), body, at, number))
    return found


def _pattern(body: str, regex: bool) -> re.Pattern[str]:
    """MLIR's form: with -re, what stands in {{ }} inside the text is a regular expression."""
    if not regex:
        return re.compile(re.escape(body))
    parts = re.split(r"\{\{(.*?)\}\}", body)
    return re.compile("".join(part if index % 2 else re.escape(part) for index, part in enumerate(parts)))


def _compare(text: str, seen: list[Diagnostic]) -> list[str]:
    """What differs between the comments of `text` and the diagnostics, one sentence each, "line: error: ..."."""
    expected = _expectations(text)
    problems = []
    for diagnostic in [one for top in seen for one in (top, *top.notes)]:
        match = next((one for one in expected if one.matches(diagnostic)), None)
        if match is not None:
            expected.remove(match)
        elif diagnostic.severity != "note":
            problems.append(f"{diagnostic.line}: error: unexpected {diagnostic.severity}: {_cut(diagnostic.message)}")
    problems += [f'{one.written_at}: error: expected {one.severity} "{one.text}" was not produced' for one in expected]
    return problems


if __name__ == "__main__":
    sys.exit(main())
