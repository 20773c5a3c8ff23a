# SPDX-License-Identifier: Apache-2.0
"""npuc: compiles a network, runs and profiles the program, describes machines and ops.

    npuc compile model.pt2 --calibration inputs.npz --target edge-256 -o net.npub
    npuc run net.npub --input x.npy --output-dir out
    npuc evaluate net.npub --data test.npz --workers 2
    npuc profile net.npub
    npuc trace net.npub -o net.perfetto
    npuc fuzz --seconds 60
    npuc disasm net.npub
    npuc targets
    npuc ops

Exit status 0 when everything went well, 1 for an error, 2 for a command line that is not understood. Only `compile` imports torch
and MLIR, so that the other commands start at once.
"""

import argparse
import dataclasses
import difflib
import faulthandler
import gc
import json
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npuc.arguments import kibibytes, positive, seed
from npuc.errors import ImportFailed, InternalError, NpucError, UserInputError, ValidationError
from npuc.files import check_output, load_arrays, write_whole
from npuc.version import __version__

if TYPE_CHECKING:
    import numpy as np

    from npuc.fuzz.report import Found, Report
    from npuc.isa.program import Program

log = logging.getLogger("npuc")

# Python looks for cycles of garbage whenever so many objects more are alive. Modules, IR and schedules are many objects that stay and
# hold hardly a cycle: by its own figure, 700, that search is 5 to 10 % of a compile.
_OBJECTS_BETWEEN_COLLECTIONS = 200_000

# A search that is told neither a number nor a time.
_FUZZ_GRAPHS = 200


def main(argv: list[str] | None = None) -> int:
    """Runs the tool on `argv` (the process's own arguments by default) and returns the exit status."""
    if sys.__stderr__ is not None and not faulthandler.is_enabled():
        faulthandler.enable(file=sys.__stderr__)
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    options = _parser().parse_args(argv)
    _set_up_logging(options)
    try:
        options.command(options)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        # whoever reads the output has seen enough; what is left in the buffer must not fail again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("npuc: interrupted", file=sys.stderr)
        return 130
    except NpucError as error:
        return _failed(error)
    except OSError as error:
        return _failed(UserInputError(f"'{error.filename}': {error.strerror}" if error.filename else str(error)))
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return _failed(InternalError("a defect of npuc", found=text, advice="run again with -v for the traceback, and please report it"))


def _failed(error: NpucError) -> int:
    log.debug("the traceback of what follows", exc_info=True)
    print(f"npuc: error: {error}", file=sys.stderr)
    return 1


def _set_up_logging(options: argparse.Namespace) -> None:
    verbose, quiet = getattr(options, "verbose", False), getattr(options, "quiet", False)
    log.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING)
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("npuc: %(message)s"))
        log.addHandler(handler)
    if not verbose and not sys.warnoptions:
        # the deprecations of the frameworks tell a user of this tool nothing
        warnings.simplefilter("ignore")


# the command line ----------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    # SUPPRESS: the flag of the subcommand does not undo the one before it
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    loudness = common.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="log every step; a traceback with an error")
    loudness.add_argument("-q", "--quiet", action="store_true", help="print errors alone")
    parser = argparse.ArgumentParser(
        prog="npuc", parents=[common], allow_abbrev=False,
        description="Compiles networks for INT8 neural processing units and runs them on a bit-exact, cycle-level simulator.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"npuc {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, parents=[common], allow_abbrev=False, help=text, description=text[0].upper() + text[1:] + ".")
        one.set_defaults(command=run)
        return one

    _compile_arguments(command("compile", _compile, "compile a network to a program file"))

    run = command("run", _run, "run a program on the simulator")
    run.add_argument("program", type=Path, help="a .npub file")
    run.add_argument(
        "--input", type=Path, action="append", default=[], metavar="NPY",
        help="an input, in order; its first dimension may be a multiple of the program's batch",
    )  # fmt: skip
    run.add_argument("--output-dir", type=Path, default=Path(), metavar="DIR", help="receives output_0.npy, output_1.npy, ... (default: here)")

    profile = command("profile", _profile, "print cycles, utilisation and traffic of a program, layer by layer")
    profile.add_argument("program", type=Path, help="a .npub file")
    profile.add_argument("--json", action="store_true", help="print all figures as JSON")
    profile.add_argument("--all-layers", action="store_true", help="one line a layer, however many there are")

    evaluate = command("evaluate", _evaluate, "run a program on labelled data: top-1, images a second, agreement with a .tflite file")
    evaluate.add_argument("program", type=Path, help="a .npub file that classifies")
    evaluate.add_argument(
        "--data", type=Path, required=True, metavar="NPZ", help="features (or images, x) as the program takes them, and labels (or y), one an image"
    )
    evaluate.add_argument("--workers", type=positive, default=1, metavar="N", help="processes among which the images are divided (default 1)")
    evaluate.add_argument("--limit", type=positive, metavar="N", help="the first N images alone")
    evaluate.add_argument("--against", type=Path, metavar="TFLITE", help="compare with this file on LiteRT's reference kernels (pip install 'npuc[litert]')")
    evaluate.add_argument("--json", action="store_true", help="print all figures as JSON")

    fuzz = command("fuzz", _fuzz, "compile and run random networks, and compare every level and engine")
    fuzz.add_argument("--graphs", type=positive, metavar="N", help=f"so many networks (default {_FUZZ_GRAPHS} where --seconds is not given)")
    fuzz.add_argument("--seconds", type=positive, metavar="N", help="begin no further network after so long")
    fuzz.add_argument("--seed", type=seed, help="which networks: the same ones for the same seed (default: one at random, printed)")
    fuzz.add_argument("--only", type=seed, metavar="I", help="network number I of the seed alone")
    fuzz.add_argument("--workers", type=positive, default=1, metavar="N", help="processes (default 1)")
    fuzz.add_argument("--output-dir", type=Path, default=Path("fuzz"), metavar="DIR", help="receives what failed, made small (default: fuzz)")
    fuzz.add_argument("--json", action="store_true", help="print figures and coverage as JSON")

    trace = command("trace", _trace, "write when every command ran, as a trace for Perfetto or as a picture")
    trace.add_argument("program", type=Path, help="a .npub file")
    trace.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="a .svg is a picture, anything else a trace that ui.perfetto.dev opens (default: the program's name with .perfetto, here)",
    )  # fmt: skip

    compare = command("compare", _compare, "compile .tflite files here and with Vela, and print the figures side by side")
    compare.add_argument("models", nargs="+", type=Path, help=".tflite files")
    compare.add_argument("--vela", metavar="PATH", help="Vela's program (default: `vela` of the search path)")
    compare.add_argument("--target", default="u65-512-dram", metavar="NAME", help="a parity preset (default u65-512-dram)")
    compare.add_argument("--sram-kib", type=kibibytes, metavar="N", help="SRAM of both (default: the preset's, or with flash what Vela's default uses)")
    compare.add_argument("--json", action="store_true", help="print all figures as JSON, calibration included")
    compare.add_argument("--plot", type=Path, metavar="SVG", help="draw cycles over the network bound, both compilers side by side")

    disasm = command("disasm", _disasm, "print the commands of a program")
    disasm.add_argument("program", type=Path, help="a .npub file")

    targets = command("targets", _targets, "list the machines")
    targets.add_argument("--json", action="store_true", help="print all figures as JSON")

    ops = command("ops", _ops, "list the supported ops with their limits")
    ops.add_argument("names", nargs="*", metavar="OP", help="these alone")
    ops.add_argument("--json", action="store_true", help="print them as JSON")
    return parser


def _compile_arguments(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "model", type=Path,
        help="a .tflite file, a module of TOSA or npu ops (.mlir), or a program saved by torch.export.save (.pt2; loading one may run code: "
        "pass only what you trust)",
    )  # fmt: skip
    one.add_argument("-o", "--output", type=Path, metavar="NPUB", help="the program file (default: the model's name, here)")
    one.add_argument(
        "--calibration", metavar="NPZ",
        help="samples that set the value ranges: an .npz with one array an input (by name, else in order), samples first; "
        "or the word random, good for timing and not for accuracy",
    )  # fmt: skip
    one.add_argument("--target", default="edge-256", metavar="NAME", help="the machine (default edge-256); see npuc targets")
    one.add_argument("--sram-kib", type=kibibytes, metavar="N", help="another SRAM capacity than the machine's own")
    one.add_argument("--observer", choices=("minmax", "histogram"), default="minmax", help="how ranges follow from the samples (default minmax)")
    one.add_argument("--bias-correction", action="store_true", help="shift biases so that every layer keeps its mean output")
    one.add_argument("--seed", type=seed, default=0, metavar="N", help="for every random choice (default 0)")
    one.add_argument("--validate", action="store_true", help="execute the module after every pass and compare the bytes")
    one.add_argument("--no-fallback", action="store_true", help="an op that the NPU refuses between its ops is an error instead of running on the host")
    one.add_argument(
        "--force-host", action="append", default=[], metavar="NAME", help="run this layer, or every op of this name, on the host; may be repeated"
    )
    one.add_argument("--save-stages", type=Path, metavar="DIR", help="write the module after every pass that changed it")
    one.add_argument("--save-schedule", type=Path, metavar="JSON", help="write the schedule that was found")
    one.add_argument("--schedule", type=Path, metavar="JSON", help="replay this schedule instead of searching")
    one.add_argument("--effort", type=int, default=1, metavar="N", help="how many schedules the planner looks at, 0 to 3 (default 1)")
    one.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="leave out this technique, to see what it is worth; may be repeated"
    )


# commands ------------------------------------------------------------------------------------------


def _compile(options: argparse.Namespace) -> None:
    output = options.output or Path(options.model.stem + ".npub")
    # before minutes of work, not after
    for path in (output, options.save_schedule):
        if path is not None:
            check_output(path)
    model = _load_model(options.model)
    calibration = _load_calibration(options.calibration, _input_names(model))
    import npuc

    compiled = npuc.compile(
        model,
        target=options.target,
        sram_kib=options.sram_kib,
        calibration=calibration,
        observer=options.observer,
        bias_correction=options.bias_correction,
        seed=options.seed,
        validate=options.validate,
        save_stages=options.save_stages,
        schedule=options.schedule,
        effort=options.effort,
        without=options.without,
        fallback=not options.no_fallback,
        force_host=options.force_host,
    )
    compiled.save(output)
    if options.save_schedule:
        text = json.dumps(compiled.schedule, indent=2) + "\n"
        write_whole(options.save_schedule, text.encode())
    if not getattr(options, "quiet", False):
        from npuc.report.table import headline, render_fallbacks

        result = compiled.profile()
        result = result if result.network else dataclasses.replace(result, network=output.stem)
        print(f"wrote {output}", *headline(result), sep="\n  ")
        fallbacks = render_fallbacks(result, width=_width())
        if fallbacks:
            print(fallbacks)


def _run(options: argparse.Namespace) -> None:
    inputs = [_load_array(path) for path in options.input]
    import numpy as np

    from npuc.runtime import load

    outputs = load(options.program).run(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    options.output_dir.mkdir(parents=True, exist_ok=True)
    for number, array in enumerate(map(np.asarray, outputs)):
        path = options.output_dir / f"output_{number}.npy"
        write_whole(path, _npy(array))
        if not getattr(options, "quiet", False):
            print(f"wrote {path}: {array.dtype} {'x'.join(map(str, array.shape)) or 'scalar'}")


def _profile(options: argparse.Namespace) -> None:
    from npuc.report.profile import profile

    result = profile(_load_program(options.program))
    # a program that was exported before has no name of its own
    result = result if result.network else dataclasses.replace(result, network=options.program.stem)
    if options.json:
        print(json.dumps(result.to_dict(), indent=2))
        return
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(result.table(width=_width(), layers=None if options.all_layers else 40, color=colour))


def _width() -> int:
    """Columns for a table."""
    return min(shutil.get_terminal_size((110, 0)).columns, 160)


def _evaluate(options: argparse.Namespace) -> None:
    from npuc.progress import Progress
    from npuc.report.evaluate import evaluate, load_data
    from npuc.runtime import load

    loaded = load(options.program)
    features, labels = (array[: options.limit] for array in load_data(options.data))
    with Progress("evaluate") as progress:
        found = evaluate(loaded, features, labels, options.workers, options.against, progress.tell)
    print(json.dumps(found.to_dict(), indent=2) if options.json else found)


def _fuzz(options: argparse.Namespace) -> None:
    import secrets

    from npuc.fuzz.cases import has_torch
    from npuc.fuzz.search import search
    from npuc.progress import Progress

    numbers = [options.only] if options.only is not None else range(options.graphs or _FUZZ_GRAPHS)
    endless = options.only is None and options.graphs is None and options.seconds is not None
    chosen = options.seed if options.seed is not None else secrets.randbelow(1 << 32)
    if not options.json:
        print(f"seed {chosen}", flush=True)
        if not has_torch():
            print("PyTorch is not installed: no modules from there")
    with Progress("fuzz") as progress:

        def told(report: "Report", found: "Found | None") -> None:
            progress.tell("graphs", report.graphs, None if endless else len(numbers))
            if found is not None and not options.json:
                print(found, flush=True)

        report = search(
            None if endless else numbers, seconds=options.seconds, seed=chosen, workers=options.workers, folder=options.output_dir, told=told
        )
    if options.json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        print(report.table(_width()), *report.notes(), report.headline(), sep="\n")
    if report.failures:
        raise ValidationError(f"{len(report.failures)} of {report.graphs} networks of seed {chosen} failed", advice="replay and mend them, one after the other")


def _trace(options: argparse.Namespace) -> None:
    from npuc.report.trace import to_json, to_svg, trace

    output = options.output or Path(options.program.stem + ".perfetto")
    check_output(output)
    found = trace(_load_program(options.program))
    text = to_svg(found) if output.suffix == ".svg" else to_json(found)
    write_whole(output, text.encode())
    if not getattr(options, "quiet", False):
        where = "" if output.suffix == ".svg" else ": open it at ui.perfetto.dev"
        print(f"wrote {output}, {len(found.slices)} slices over {found.total_cycles} cycles{where}")


def _compare(options: argparse.Namespace) -> None:
    from npuc.report.compare import compare, render, to_json, to_svg

    if options.plot is not None:
        check_output(options.plot)
    sram_bytes = int(options.sram_kib * 1024) if options.sram_kib else None
    found = []
    for model in options.models:
        if not model.is_file():
            raise UserInputError(f"there is no file '{model}'", wanted="a .tflite file")
        found.append(compare(model, options.target, options.vela, sram_bytes))
    print(to_json(found) if options.json else render(found))
    if options.plot is not None:
        write_whole(options.plot, to_svg(found).encode())


def _disasm(options: argparse.Namespace) -> None:
    from npuc.report.listing import listing

    for line in listing(_load_program(options.program)):
        print(line)


def _targets(options: argparse.Namespace) -> None:
    from npuc.report.describe import all_targets, target_rows

    machines = all_targets()
    if options.json:
        print(json.dumps([machine.to_dict() | {"fingerprint": machine.fingerprint} for machine in machines], indent=2))
        return
    for machine in machines:
        print(f"{machine.name}: {machine.title}")
        for label, figure in target_rows(machine):
            print(f"    {label:<30}{figure}")


def _ops(options: argparse.Namespace) -> None:
    from npuc.report.describe import op_text, ops

    found = {one.name: one for one in ops()}
    for name in options.names:
        if name not in found:
            near = difflib.get_close_matches(name, found, 3)
            advice = f"did you mean {' or '.join(near)}?" if near else "npuc ops lists them all"
            raise UserInputError(f"there is no op '{name}'", found=name, advice=advice)
    chosen = [found[name] for name in options.names] or list(found.values())
    if options.json:
        print(json.dumps([one.to_dict() for one in chosen], indent=2))
        return
    print("\n\n".join(map(op_text, chosen)))


# files in ------------------------------------------------------------------------------------------


def _load_program(path: Path) -> "Program":
    from npuc.isa.program import Program

    return Program.from_bytes(path.read_bytes())


def _load_model(path: Path) -> Any:
    """The exported program in a .pt2 file; other files are npuc.compile's business."""
    if not path.is_file():
        raise UserInputError(f"there is no file '{path}'", wanted="a .pt2 file of torch.export.save, a .tflite or an .mlir file")
    if path.suffix != ".pt2":
        return path
    try:
        import torch
    except ImportError as error:
        raise UserInputError("compiling a PyTorch program needs PyTorch", found=str(error), advice="pip install 'npuc[torch]'") from error
    if not log.isEnabledFor(logging.DEBUG):
        # it logs a traceback of its own before it raises
        logging.getLogger("torch.export").setLevel(logging.ERROR)
    try:
        return torch.export.load(path)
    except Exception as error:
        raise ImportFailed(
            f"'{path}' cannot be loaded", found=f"{type(error).__name__}: {error}", wanted="a program saved by torch.export.save of the same PyTorch"
        ) from error


def _input_names(model: Any) -> list[str]:
    """Names of the inputs in order, where the model says them."""
    signature = getattr(model, "graph_signature", None)
    return [str(name) for name in signature.user_inputs] if signature is not None else []


def _load_calibration(text: str | None, names: Sequence[str]) -> "str | list[tuple[np.ndarray, ...]] | None":
    """What --calibration names: a file's arrays as one large batch, by the inputs' names or in the file's order."""
    if text is None or text == "random":
        return text
    arrays = load_arrays(text)
    if names and set(names) <= arrays.keys():
        chosen = tuple(arrays[name] for name in names)
    elif names and len(arrays) != len(names):
        raise UserInputError(
            f"'{text}' does not hold the inputs of the model", found=", ".join(arrays), wanted=", ".join(names), advice="one array an input, samples first"
        )
    else:
        chosen = tuple(arrays.values())
    counts = {name: array.shape[0] if array.ndim else 0 for name, array in arrays.items()}
    if len({array.shape[:1] for array in chosen}) > 1:
        raise UserInputError(f"the arrays of '{text}' hold different numbers of samples", found=counts, wanted="the same first dimension in each")
    return [chosen]


def _load_array(path: Path) -> "np.ndarray":
    import numpy as np

    try:
        # mapped first: a damaged header then asks for more than the file has, instead of for all memory
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OverflowError, MemoryError) as error:
        raise UserInputError(f"'{path}' cannot be read", found=str(error), wanted="an .npy file of a plain array") from error
    if not isinstance(mapped, np.ndarray):
        mapped.close()
        raise UserInputError(f"'{path}' holds several arrays", wanted="an .npy file for each --input")
    return np.array(mapped)


# files out -----------------------------------------------------------------------------------------


def _npy(array: "np.ndarray") -> bytes:
    """The array as an .npy file."""
    import io

    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
