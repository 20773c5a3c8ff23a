# SPDX-License-Identifier: Apache-2.0
"""Float `torch.nn.Module` in, quantized `ExportedProgram` out."""

import contextlib
import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, field

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule
from torchao.quantization.pt2e import FixedQParamsObserver, ObserverBase
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from npuc.errors import ImportFailed, NpucError, UserInputError
from npuc.quantize.bias_correction import MeanRecorder, correct_biases
from npuc.quantize.bias_range import make_room_for_biases, round_biases
from npuc.quantize.calibration import RANDOM_SAMPLES, samples
from npuc.quantize.graph import protect_shared_convolutions
from npuc.quantize.names import is_quantize_op, layer_name, stamp_inserted, stamp_layer_names
from npuc.quantize.quantizer import NpuQuantizer
from npuc.quantize.rounding import SAMPLES, MomentRecorder, round_weights

log = logging.getLogger("npuc")

# Bias correction keeps the live activations of all its samples at once; a residual block has about three.
BIAS_CORRECTION_BYTES = 3 << 30
_LIVE_VALUES = 3

ROUNDINGS = ("nearest", "compensated")


@dataclass(frozen=True)
class QuantizationReport:
    """What was done. `seconds` is by stage; `float_ops` are (layer, op) that no rule quantizes."""

    observer: str = ""
    rounding: str = ""
    seed: int = 0
    samples: int = 0
    bias_corrected: int = 0
    already_quantized: bool = False
    float_ops: tuple[tuple[str, str], ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def is_quantized(program: ExportedProgram | GraphModule) -> bool:
    """Whether PT2E has been here: the graph holds quantize or dequantize ops."""
    return any(node.op == "call_function" and is_quantize_op(node) for node in program.graph.nodes)


def quantize_module(
    module: torch.nn.Module | ExportedProgram,
    example_inputs: tuple,
    calibration=None,
    *,
    observer: str = "minmax",
    rounding: str = "compensated",
    bias_correction: bool = False,
    seed: int = 0,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> tuple[ExportedProgram, QuantizationReport]:
    """Quantize a float network to int8 by PT2E.

    The module's parameters, buffers and training flags are the same afterwards, also when this fails.

    Args:
        module: a float module, a float `ExportedProgram`, or a PT2E-quantized one, which comes back unchanged.
        example_inputs: tuple of tensors, one for each argument of `forward`; fixes all shapes, the batch included.
        calibration: see `npuc.quantize.calibration.samples`; not needed for a program that is already quantized.
        observer: "minmax" or "histogram".
        rounding: of weights; "compensated" keeps the layers' outputs close (`npuc.quantize.rounding`), "nearest" the weights.
        bias_correction: shift biases so that each layer's mean output is the float network's.
        seed: for every random choice; reported.
        progress: called with (stage, done, total or None); calibration counts items, be they single or batches.

    Returns the quantized program, on the CPU, and a report.
    Raises `CalibrationMissing`, `InputMismatch`, `UserInputError`, and `ImportFailed` where torch.export fails.
    """
    if isinstance(module, ExportedProgram) and is_quantized(module):
        stamp_layer_names(module.graph)
        return module, QuantizationReport(already_quantized=True)
    examples = _checked_examples(example_inputs)
    _check_module(module)
    if rounding not in ROUNDINGS:
        raise UserInputError("unknown rounding", found=repr(rounding), wanted=" or ".join(map(repr, ROUNDINGS)))
    compensate = rounding == "compensated"
    quantizer = NpuQuantizer(observer)
    seconds: dict[str, float] = {}
    source = module.module(check_guards=False) if isinstance(module, ExportedProgram) else module
    items = _Counted(calibration) if isinstance(calibration, Iterable) and not isinstance(calibration, str) else None
    data = samples(items or calibration, examples, source, seed)
    tell = progress or (lambda stage, done, total: None)

    with _eval_mode(source), torch.no_grad(), _quiet():
        with _timed(seconds, "export"):
            float_graph = _float_graph(module, examples)
        with _timed(seconds, "prepare"):
            prepared = prepare_pt2e(float_graph, quantizer)
        with _timed(seconds, "calibrate"):
            # the prepared graph is the float network with batch norms folded: its means are the ones to restore
            recorder, kept, count = (MomentRecorder if compensate else MeanRecorder)(prepared), [], 0
            room = _correction_samples(prepared) if bias_correction else 0
            for inputs in data:
                if len(kept) < room or (compensate and count < SAMPLES):
                    recorder.add(inputs)
                else:
                    prepared(*inputs)
                if len(kept) < room:
                    kept.append(inputs)
                count += 1
                tell("calibrate", items.done if items else count, items.total if items else RANDOM_SAMPLES)
        _check_observed(prepared)
        make_room_for_biases(prepared)
        if compensate:
            with _timed(seconds, "round weights"):
                round_weights(prepared, recorder.moments, lambda done, of: tell("round weights", done, of))
        with _timed(seconds, "convert"):
            converted = convert_pt2e(prepared)
            stamp_inserted(converted.graph)
        corrected = 0
        if bias_correction:
            with _timed(seconds, "correct biases"):
                corrected = correct_biases(converted, recorder.means(), kept, lambda done, of: tell("correct biases", done, of))
        round_biases(converted)
        with _timed(seconds, "re-export"):
            program = torch.export.export(converted.cpu(), tuple(x.cpu() for x in examples))
    report = QuantizationReport(observer, rounding, seed, count, corrected, False, quantizer.float_ops, seconds)
    log.info("quantized on %d samples, observer %s, seed %d, %d ops left in float", count, observer, seed, len(report.float_ops))
    return program, report


class _Counted:
    """An iterable that knows how many of its items were taken, for progress."""

    def __init__(self, items: Iterable):
        self.items, self.done = items, 0
        self.total = len(items) if isinstance(items, Sized) else None

    def __iter__(self) -> Iterator:
        for item in self.items:
            self.done += 1
            yield item


def _checked_examples(example_inputs) -> tuple:
    if isinstance(example_inputs, torch.Tensor):
        example_inputs = (example_inputs,)
    if not isinstance(example_inputs, (tuple, list)) or not all(isinstance(x, torch.Tensor) for x in example_inputs):
        found = type(example_inputs).__name__
        raise UserInputError("example_inputs must be tensors", found=found, wanted="a tuple of tensors, one an argument")
    empty = [tuple(x.shape) for x in example_inputs if x.numel() == 0]
    if empty:
        raise UserInputError("an example input has no elements", found=empty[0], wanted="extents of at least 1")
    for x in example_inputs:
        _check_dtype(x, "an example input")
    # torch.export takes one tensor given twice for one input
    return tuple(x.clone() for x in example_inputs)


def _check_dtype(tensor: torch.Tensor, subject: str) -> None:
    """Real values are float32, which is what ranges are observed in and what the host computes in."""
    if (tensor.is_floating_point() or tensor.is_complex()) and tensor.dtype != torch.float32:
        raise UserInputError(f"{subject} has another element type", found=tensor.dtype, wanted=torch.float32, advice="convert it: .float()")


def _check_module(module: torch.nn.Module | ExportedProgram) -> None:
    state = module.state_dict if isinstance(module, ExportedProgram) else module.state_dict()
    for name, tensor in state.items():
        if not isinstance(tensor, torch.Tensor):
            continue
        if tensor.is_meta:
            raise UserInputError("the network has no values", found=f"'{name}' on the meta device", wanted="parameters on a device that computes")
        _check_dtype(tensor, f"parameter '{name}'")


def _float_graph(module: torch.nn.Module | ExportedProgram, examples: tuple) -> GraphModule:
    """Export, name the layers, and keep batch-norm folding away from convolutions that others read."""
    program = module
    if not isinstance(program, ExportedProgram):
        try:
            device_examples = tuple(x.to(_device_of(module, x)) for x in examples)
            program = torch.export.export(module, device_examples)
        except NpucError:
            raise
        except Exception as error:  # torch.export raises whatever the module's own code and dynamo raise
            raise ImportFailed(
                "torch.export could not trace the module", rule=str(error).strip().split("\n")[0],
                advice="make torch.export.export(module, example_inputs) work first",
            ) from error  # fmt: skip
    graph = program.module(check_guards=False)
    stamp_layer_names(graph.graph)
    protect_shared_convolutions(graph)
    return graph


def _device_of(module: torch.nn.Module, fallback: torch.Tensor) -> torch.device:
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return fallback.device


def _correction_samples(graph: GraphModule) -> int:
    """How many samples bias correction takes: as many as fit its memory."""
    values = [node.meta.get("val") for node in graph.graph.nodes if node.op == "call_function"]
    largest = max((v.numel() * v.element_size() for v in values if isinstance(v, torch.Tensor)), default=1)
    return max(1, BIAS_CORRECTION_BYTES // (largest * _LIVE_VALUES))


def _check_observed(prepared: GraphModule) -> None:
    """An observer that saw no value, or a value that is not finite, would give meaningless scales."""
    for node in prepared.graph.nodes:
        if node.op != "call_module":
            continue
        observer = prepared.get_submodule(str(node.target))
        if not isinstance(observer, ObserverBase) or isinstance(observer, FixedQParamsObserver):
            continue
        if not bool(torch.isfinite(observer.min_val).all() and torch.isfinite(observer.max_val).all()):
            raise UserInputError(
                "calibration produced values that are not finite",
                layer=layer_name(node.args[0]),
                found=f"range {observer.min_val.min().item()} .. {observer.max_val.max().item()}",
                wanted="a finite range",
                advice="check the calibration inputs and the network's weights",
            )


@contextlib.contextmanager
def _eval_mode(module: torch.nn.Module) -> Iterator[None]:
    """Set every submodule to eval and give each its own flag back."""
    flags = [(sub, sub.training) for sub in module.modules()]
    try:
        for sub, _ in flags:
            sub.training = False
        yield
    finally:
        for sub, flag in flags:
            sub.training = flag


@contextlib.contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = time.perf_counter() - start


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """torch and torchao warn about their own internals while exporting; nothing there is for our user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
