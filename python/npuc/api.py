# SPDX-License-Identifier: Apache-2.0
"""What a user calls: `compile`, `load`, and the models they return. `npuc` re-exports them lazily.

    compiled = npuc.compile(module, example_inputs, target="edge-256", calibration=batches)
    logits   = compiled(x)
    print(compiled.profile())
    compiled.save("net.npub")
"""

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npuc import targets
from npuc.errors import UserInputError
from npuc.files import write_whole
from npuc.progress import Progress
from npuc.runtime import LoadedProgram
from npuc.runtime import load as load_program

if TYPE_CHECKING:
    from npuc.isa.program import Port, Program, Tensor
    from npuc.report.profile import Profile
    from npuc.targets.base import Target

log = logging.getLogger("npuc")


class LoadedModel:
    """A program on the simulator.

    Attributes:
        program: the program file's content.
        inputs, outputs: name, dtype (MLIR's name) and shape of each port, in the model's own order.
    """

    def __init__(self, program: "Program | LoadedProgram", engine: str = "auto"):
        self._loaded = program if isinstance(program, LoadedProgram) else load_program(program, engine)

    @property
    def program(self) -> "Program":
        return self._loaded.program

    @property
    def inputs(self) -> "tuple[Tensor, ...]":
        return self._tensors(self.program.inputs)

    @property
    def outputs(self) -> "tuple[Tensor, ...]":
        return self._tensors(self.program.outputs)

    def _tensors(self, ports: "Sequence[Port]") -> "tuple[Tensor, ...]":
        return tuple(self.program.tensor(port.tensor_id) for port in ports)

    def run(self, *arrays: np.ndarray, workers: int = 1) -> Any:
        """Run on numpy arrays of the program's own dtypes and shapes, or N times as many; see `LoadedProgram.run`."""
        return self._loaded.run(*arrays, workers=workers)

    __call__ = run

    def profile(self) -> "Profile":
        """Cycles, utilisation, traffic and SRAM, by layer; timing does not depend on data."""
        from npuc.report.profile import profile

        return profile(self.program, self._loaded.timelines, host_seconds=self._loaded.host_seconds)

    def check_hazards(self) -> None:
        """Prove the program free of races.

        Raises:
            HazardError: two accesses without an order, or a read of bytes never written.
        """
        self._loaded.check_hazards()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the program file; nothing is left behind where writing fails."""
        write_whole(path, self.program.to_bytes())


class CompiledModel(LoadedModel):
    """A program that was just compiled, called as the module it came from.

    Attributes:
        schedule: the schedule as plain values, for `compile(..., schedule=...)` and for JSON.
        seconds: time by stage.
        quantized: the quantized `ExportedProgram` that was compiled, None for a network from a file that is quantized already.
    """

    def __init__(self, program: "Program", signature: Any, schedule: dict, seconds: dict[str, float], quantized: Any, engine: str):
        super().__init__(program, engine)
        self._signature = signature
        self.schedule, self.seconds, self.quantized = schedule, seconds, quantized

    def __call__(self, *inputs: Any) -> Any:
        """The module's own call: torch tensors in, torch tensors of the module's dtypes and structure out.

        A network that did not come from torch takes and gives numpy arrays.
        """
        if self._signature is None:
            return self.run(*inputs)
        import torch
        from torch.utils import _pytree

        if not any(isinstance(x, torch.Tensor) for x in inputs):
            return self.run(*inputs)
        device = next(x.device for x in inputs if isinstance(x, torch.Tensor))
        results = self.run(*(x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x) for x in inputs))
        flat = results if isinstance(results, tuple) else (results,)
        tensors = [torch.from_numpy(np.array(array, order="C")).to(device) for array in flat]
        return _pytree.tree_unflatten(tensors, self._signature.out_spec)


def compile(
    model: Any,
    example_inputs: Any = None,
    *,
    target: str = "edge-256",
    sram_kib: float | None = None,
    calibration: Any = None,
    observer: str = "minmax",
    rounding: str = "compensated",
    bias_correction: bool = False,
    seed: int = 0,
    validate: bool = False,
    save_stages: str | os.PathLike[str] | None = None,
    schedule: str | os.PathLike[str] | None = None,
    effort: int = 1,
    without: Sequence[str] = (),
    fallback: bool = True,
    force_host: Sequence[str] = (),
    engine: str = "auto",
) -> CompiledModel:
    """Compile a network to an INT8 program.

    Args:
        model: a float `torch.nn.Module`, an `ExportedProgram` (float, or quantized by PT2E), or the path of a `.pt2` file,
            which must be trusted: loading one can execute code. The path of a `.tflite` file: quantized already, nothing in it is
            executed, and neither example inputs nor calibration are asked for; so with the path of a `.mlir` file, a TOSA module.
        example_inputs: a tensor, or a tuple of one a parameter; fixes all shapes. An exported program brings its own.
        target: name of a machine, see `npuc targets`.
        sram_kib: another SRAM capacity than the machine's own, in KiB; 21.5 is 22,016 bytes.
        calibration: an iterable of inputs (a DataLoader's batches too), or "random" where only timing matters.
        observer: "minmax" or "histogram".
        rounding: "compensated" spreads the error of each weight over those that follow, "nearest" does not.
        bias_correction: shift biases so that every layer keeps its mean output.
        seed: for every random choice; reported.
        validate: execute the module after every pass that changed it and compare bytes.
        save_stages: folder that receives the module after every pass.
        schedule: JSON file with a schedule to replay.
        effort: how many schedules the planner looks at, 0 to 3.
        without: techniques to leave out, by name: fusion, keep, prefetch, join, ahead, direct, bricks, channels_outer, ladder of the planner,
            drop_channels and tabulate of the passes before it.
        fallback: an op that the NPU refuses runs on the host wherever it stands; without it, at the program's edges only.
        force_host: names of layers, or of ops, that run on the host although the NPU takes them.
        engine: "native", "numpy" or "auto", for running the result.

    Raises:
        NpucError: what is wrong, where, and what to change.
    """
    _check_seed(seed)
    _check_folder(save_stages)
    if isinstance(model, str | os.PathLike) and Path(model).suffix in _READERS:
        return _compile_file(
            Path(model), targets.get(target, sram_kib), seed=seed, validate=validate, save_stages=save_stages, schedule=schedule, effort=effort,
            without=without, fallback=fallback, force_host=force_host, engine=engine,
        )  # fmt: skip
    from torch_mlir import ir

    from npuc.compiler import encode, lower, schedule_content
    from npuc.frontend.torch import import_torch, signature
    from npuc.quantize import quantize_module
    from npuc.validate import Validator

    machine = targets.get(target, sram_kib)
    if isinstance(model, str | os.PathLike):
        model = _load_exported(Path(model))
    _check_model(model)
    if example_inputs is None:
        example_inputs = _own_examples(model)
    seconds: dict[str, float] = {}

    def lap(name: str, start: float) -> None:
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start

    with Progress("compile") as progress:
        start = time.perf_counter()
        quantized, report = quantize_module(
            model, example_inputs, calibration, observer=observer, rounding=rounding, bias_correction=bias_correction, seed=seed,
            progress=progress.tell,
        )  # fmt: skip
        lap("quantize", start)
        seconds |= {f"quantize.{name}": value for name, value in report.seconds.items()}
        known = signature(quantized)
        context = ir.Context()
        with context, ir.Location.unknown():
            progress.stage("import")
            module = import_torch(quantized, context, stage=lambda name, value: seconds.__setitem__(f"import.{name}", value))
            checker = Validator(seed=seed) if validate else None

            def on_pass(run: Any, _: Any) -> None:
                progress.stage(run.name)
                seconds[run.name] = seconds.get(run.name, 0.0) + run.seconds

            lower(
                module, machine, schedule=None if schedule is None else str(schedule), effort=effort, without=_names(without), fallback=fallback,
                force_host=_names(force_host), validate=checker, save_stages=None if save_stages is None else str(save_stages), on_pass=on_pass,
            )  # fmt: skip
            start = time.perf_counter()
            # where the samples came from matters to nobody who runs the program; how they were drawn does
            metadata = {"observer": report.observer, "seed": seed, "calibration_samples": report.samples, "name": _name_of(model)}
            program = encode(
                module, machine, [one.name for one in known.inputs], [f"output_{i}" for i in range(len(known.outputs))], metadata
            )
            plan = schedule_content(module)
        lap("encode", start)
        progress.stage("check hazards")
        start = time.perf_counter()
        compiled = CompiledModel(program, known, plan, seconds, quantized, engine)
        compiled.check_hazards()
        lap("hazards", start)
    return compiled


def _compile_file(
    path: Path, machine: "Target", *, seed: int, validate: bool, save_stages: Any, schedule: Any, effort: int, without: Sequence[str],
    fallback: bool, force_host: Sequence[str], engine: str,
) -> CompiledModel:  # fmt: skip
    """A .tflite or .mlir file as a program; imports no torch."""
    if not path.is_file():
        raise UserInputError(f"there is no file '{path}'", wanted=f"a {path.suffix} file")
    from torch_mlir import ir

    from npuc.compiler import encode, lower, schedule_content
    seconds: dict[str, float] = {}
    with Progress("compile") as progress:
        progress.stage("import")
        start = time.perf_counter()
        context = ir.Context()
        with context, ir.Location.unknown():
            module, inputs, outputs = _READERS[path.suffix](path, context)
            seconds["import"] = time.perf_counter() - start
            checker = None
            if validate:
                from npuc.validate import Validator

                checker = Validator(seed=seed)

            def on_pass(run: Any, _: Any) -> None:
                progress.stage(run.name)
                seconds[run.name] = seconds.get(run.name, 0.0) + run.seconds

            lower(
                module, machine, schedule=None if schedule is None else str(schedule), effort=effort, without=_names(without), fallback=fallback,
                force_host=_names(force_host), validate=checker, save_stages=save_stages, on_pass=on_pass,
            )  # fmt: skip
            start = time.perf_counter()
            program = encode(module, machine, inputs, outputs, {"name": path.stem, "source": path.suffix[1:]})
            plan = schedule_content(module)
        seconds["encode"] = time.perf_counter() - start
        progress.stage("check hazards")
        start = time.perf_counter()
        compiled = CompiledModel(program, None, plan, seconds, None, engine)
        compiled.check_hazards()
        seconds["hazards"] = time.perf_counter() - start
    return compiled


def _read_tflite(path: Path, context: Any) -> tuple[Any, Sequence[str], Sequence[str]]:
    from npuc.frontend.tflite import import_tflite

    module, known = import_tflite(path.read_bytes(), context)
    return module, known.inputs, known.outputs


def _read_tosa(path: Path, context: Any) -> tuple[Any, Sequence[str], Sequence[str]]:
    from npuc.frontend.tosa import import_tosa, port_names

    module = import_tosa(path, context)
    return module, *port_names(module)


# Files of networks that are quantized already: suffix -> (module, names of inputs, names of outputs).
_READERS = {".tflite": _read_tflite, ".mlir": _read_tosa}


def load(path: str | os.PathLike[str] | bytes, *, engine: str = "auto", hazards: bool = True) -> LoadedModel:
    """Read a program file. Nothing in it is executed; damaged or hostile bytes are a ProgramError.

    Args:
        engine: see `npuc.sim.engines`: "auto", "numpy", "native", or "compare" for both, command by command.
        hazards: prove the program free of races first, once; what that took is logged. False trusts the file.

    Raises:
        HazardError: two accesses without an order, or a read of bytes never written.
    """
    loaded = LoadedModel(load_program(path, engine))
    if hazards:
        start = time.perf_counter()
        loaded.check_hazards()
        log.info("%d commands are free of races, found in %.0f ms", loaded.program.command_count, (time.perf_counter() - start) * 1e3)
    return loaded


def _names(names: Sequence[str]) -> tuple[str, ...]:
    """One name is meant where a string is given."""
    return (names,) if isinstance(names, str) else tuple(names)


def _name_of(model: Any) -> str:
    name = type(model).__name__
    return "" if name == "ExportedProgram" else name


def _load_exported(path: Path) -> Any:
    import torch

    if not path.is_file():
        raise UserInputError(f"there is no file '{path}'", wanted="a program saved by torch.export.save (.pt2)")
    if path.suffix != ".pt2":
        raise UserInputError(f"'{path.name}' is no model that can be read", found=path.suffix or "no suffix", wanted=".pt2")
    try:
        return torch.export.load(str(path))
    except Exception as error:  # torch raises RuntimeError, KeyError, zipfile and pickle errors alike
        found = str(error).strip().split("\n")[0]
        raise UserInputError(f"'{path.name}' cannot be loaded", found=found, wanted="a file that torch.export.save wrote") from error


def _check_model(model: Any) -> None:
    import torch

    if not isinstance(model, torch.nn.Module | torch.export.ExportedProgram):
        wanted = "a torch.nn.Module, an ExportedProgram, or the path of a model file"
        raise UserInputError("the model is nothing that can be compiled", found=type(model).__name__, wanted=wanted)


def _check_folder(path: Any) -> None:
    if path is None:
        return
    if not isinstance(path, str | os.PathLike):
        raise UserInputError("save_stages is no path", found=repr(path), wanted="the name of a folder")
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserInputError(f"the folder '{path}' cannot be made", found=error.strerror, wanted="a folder to write to") from error


def _check_seed(seed: Any) -> None:
    if type(seed) is not int or not 0 <= seed < 1 << 63:
        raise UserInputError("the seed is not usable", found=repr(seed), wanted="a whole number, 0 .. 2**63 - 1")


def _own_examples(model: Any) -> Any:
    """The inputs that an exported program was traced with."""
    examples = getattr(model, "example_inputs", None)
    if examples is None:
        raise UserInputError("example_inputs are missing", wanted="a tuple of tensors, one an argument of the module")
    arguments, keywords = examples
    if keywords:
        raise UserInputError("the exported program has keyword arguments", found=sorted(keywords), wanted="positional arguments only")
    return tuple(arguments)

