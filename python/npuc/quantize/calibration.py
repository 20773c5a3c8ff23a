# SPDX-License-Identifier: Apache-2.0
"""Calibration data: from whatever the user has to the exact tuples a batch-specialised graph accepts."""

import inspect
import logging
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch.utils._pytree import tree_leaves

from npuc.errors import CalibrationMissing, InputMismatch, UserInputError

log = logging.getLogger("npuc")

RANDOM_SAMPLES = 16

_ADVICE = (
    "pass calibration=<an iterable of inputs, such as a DataLoader over about 100 samples>, "
    'or calibration="random" to draw normal inputs (good for timing, not for accuracy)'
)


def samples(calibration, example_inputs: tuple, module: torch.nn.Module, seed: int) -> Iterator[tuple]:
    """The calibration data as tuples of exactly the examples' shapes and dtypes, on the module's device.

    An item is one of
      - a tensor (or numpy array): the single input of the module;
      - a tuple or list of the module's inputs, in order; further entries (labels) are dropped;
      - a dict from the names of `forward`'s arguments to inputs; further entries are dropped.
    Each input has the example's shape, or another leading (batch) dimension, or none. The exported graph holds the
    example's batch size B, so a larger batch is fed in slices of B (the last one reaches back to be full), a
    smaller one is repeated up to B: neither invents a value, and ranges are not changed by repetition.

    Args:
        calibration: None, "random", or an iterable of items.
        example_inputs: the tensors the module is exported with.
        seed: seeds the draw of "random", and is logged.

    Yields tuples of tensors. Raises `CalibrationMissing` for None or no items, `InputMismatch` for an item whose
    count, shape or dtype does not fit, `UserInputError` for values that are not finite.
    """
    examples = tuple(example_inputs)
    if calibration is None:
        raise CalibrationMissing("a float network needs calibration data to be quantized", found=None, advice=_ADVICE)
    if isinstance(calibration, str):
        if calibration != "random":
            raise UserInputError("calibration is no data", found=repr(calibration), wanted='"random" or an iterable', advice=_ADVICE)
        log.warning("calibrating on %d random normal inputs, seed %d: ranges will not fit real data", RANDOM_SAMPLES, seed)
        calibration = _random_items(examples, seed)
    if not isinstance(calibration, Iterable):
        raise UserInputError("calibration is no data", found=type(calibration).__name__, wanted="an iterable of inputs", advice=_ADVICE)
    return _fed(calibration, examples, module)


def _fed(items: Iterable, examples: tuple, module: torch.nn.Module) -> Iterator[tuple]:
    device = module_device(module)
    names = _argument_names(module, len(examples))
    count = 0
    for index, item in enumerate(items):
        inputs = _inputs_of(item, examples, names, index)
        for piece in _pieces(inputs, examples, index):
            count += 1
            yield tuple(tensor.to(device) for tensor in piece)
    if count == 0:
        raise CalibrationMissing("the calibration data holds no samples", found="0 items", advice=_ADVICE)


def module_device(module: torch.nn.Module) -> torch.device:
    """The device of the first parameter or buffer, CPU for a module with neither."""
    for tensor in tree_leaves([list(module.parameters()), list(module.buffers())]):
        return tensor.device
    return torch.device("cpu")


def _random_items(examples: tuple, seed: int) -> Iterator[tuple]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(RANDOM_SAMPLES):
        # an integer input is an index or a mask: only the example's own values are known to be legal
        yield tuple(torch.randn(x.shape, generator=generator).to(x.dtype) if x.is_floating_point() else x for x in examples)


def _argument_names(module: torch.nn.Module, count: int) -> list[str]:
    try:
        return list(inspect.signature(module.forward).parameters)[:count]
    except (TypeError, ValueError):
        return []


def _inputs_of(item, examples: tuple, names: list[str], index: int) -> tuple:
    if isinstance(item, Mapping):
        missing = [name for name in names if name not in item]
        if missing:
            raise InputMismatch(f"calibration item {index} lacks inputs", found=sorted(map(str, item)), wanted=names)
        item = tuple(item[name] for name in names)
    if not isinstance(item, (tuple, list)):
        item = (item,)
    if len(item) < len(examples):
        raise InputMismatch(f"calibration item {index} has too few inputs", found=len(item), wanted=len(examples))
    return tuple(_tensor(value, examples[i], index, i) for i, value in enumerate(item[: len(examples)]))


def _tensor(value, example: torch.Tensor, index: int, position: int) -> torch.Tensor:
    subject = f"calibration item {index}, input {position}"
    try:
        tensor = torch.as_tensor(value).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputMismatch(f"{subject} is no tensor", found=type(value).__name__, wanted="a tensor or array") from error
    if tensor.is_floating_point() != example.is_floating_point():
        advice = "scale and convert it as the module expects"
        raise InputMismatch(f"{subject} has the wrong dtype", found=tensor.dtype, wanted=example.dtype, advice=advice)
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise UserInputError(f"{subject} holds values that are not finite", found="NaN or infinity", wanted="finite values")
    tensor = tensor.to(example.dtype)
    if tensor.dim() == example.dim() - 1:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() != example.dim() or tensor.shape[1:] != example.shape[1:] or (tensor.dim() and tensor.shape[0] == 0):
        wanted = f"(any, {', '.join(map(str, example.shape[1:]))})"
        raise InputMismatch(f"{subject} has the wrong shape", found=tuple(tensor.shape), wanted=wanted)
    return tensor


def _pieces(inputs: tuple, examples: tuple, index: int) -> Iterator[tuple]:
    if all(x.shape == example.shape for x, example in zip(inputs, examples, strict=True)):
        yield inputs
        return
    batches = {x.shape[0] for x in inputs if x.dim()}
    sizes = {example.shape[0] for example in examples if example.dim()}
    if len(batches) != 1 or len(sizes) != 1:
        raise InputMismatch(f"the inputs of calibration item {index} disagree about the batch", found=sorted(batches), wanted=sorted(sizes))
    batch, size = batches.pop(), sizes.pop()
    if batch < size:
        rows = torch.arange(size) % batch
        yield tuple(x[rows] for x in inputs)
        return
    for start in range(0, batch, size):
        start = min(start, batch - size)
        yield tuple(x[start : start + size] for x in inputs)
