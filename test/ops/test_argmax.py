# SPDX-License-Identifier: Apache-2.0
"""argmax against torch's; of equals the first. On the NPU: every place and value of a key, ties, extremes, many channels."""

import numpy as np
import pytest

from npuc.ops.argmax import Argmax
from npuc.ops.base import TensorType
from npuc.targets import get, names
from ops import harness
from ops.harness import pick, upto

torch = pytest.importorskip("torch")


def random_spec(rng):
    """What every machine takes."""
    shape = (*(upto(rng, 9) for _ in range(upto(rng, 3, 0))), pick(rng, 1, 2, upto(rng, 24)))
    return Argmax.of(TensorType(shape, "i8"), output=TensorType((), pick(rng, "i32", "i64")), axis=len(shape) - 1, keepdims=True)


def host_spec(rng):
    """Any axis of values of any type."""
    shape = tuple(upto(rng, 6) for _ in range(upto(rng, 4)))
    return Argmax.of(
        TensorType(shape, pick(rng, "f32", "i8")), output=TensorType((), pick(rng, "i32", "i64")), axis=int(rng.integers(len(shape))),
        keepdims=bool(rng.random() < 0.5),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_reference_equals_torch_on_values_without_equals(seed):
    rng = np.random.default_rng(seed)
    spec = host_spec(rng)
    x = rng.permutation(spec.inputs[0].elements).reshape(spec.inputs[0].shape).astype(np.float32)
    expected = torch.argmax(torch.from_numpy(x), spec.axis, spec.keepdims).numpy()
    np.testing.assert_array_equal(spec.reference(x), expected)
    rng = np.random.default_rng(seed)
    harness.assert_tiles_equal_whole(rng, spec, harness.values(rng, spec))


def test_the_first_of_equals_is_taken():
    spec = Argmax.of(TensorType((4,), "i8"), output=TensorType((), "i32"), axis=0)
    assert spec.reference(np.array([1, 7, 7, 7], np.int8)) == 1


def telling(rng, shape, dtype):
    """Values of which some pixels are all one extreme, some have the greatest twice, some the greatest at either end."""
    info = np.iinfo(dtype)
    x = rng.integers(info.min, info.max, shape, endpoint=True).astype(dtype)
    pixels = x.reshape(-1, shape[-1])
    for row, value in zip(range(0, len(pixels), 5), [info.min, info.max, 0] * len(pixels), strict=False):
        pixels[row] = value
    for row in range(1, len(pixels), 5):
        pixels[row] = info.min
        pixels[row, rng.integers(shape[-1])] = info.min + 1
    for row in range(2, len(pixels), 5):
        pixels[row, rng.integers(shape[-1], size=2)] = info.max
    for row in range(3, len(pixels), 5):
        pixels[row] = rng.integers(info.max - 2, info.max, shape[-1], endpoint=True)
    return x


@pytest.mark.parametrize("target", names())
@pytest.mark.parametrize("channels", [1, 2, 8, 9, 21, 64, 128, 255, 256, 257, 1000])
def test_commands_equal_the_reference_on_ties_and_extremes(channels, target):
    rng = np.random.default_rng(channels)
    machine = get(target)
    taken = 0
    for dtype in ("i8", "ui8", "i16"):
        shape = (1, 1, 3, channels) if channels > 255 else (1, 2, 11, channels)
        spec = Argmax.of(TensorType(shape, dtype), output=TensorType((), pick(rng, "i32", "i64")), axis=3, keepdims=True)
        if list(spec.limits(machine)):
            continue
        x = telling(rng, shape, harness.NUMPY_DTYPES[dtype])
        harness.assert_commands_equal_reference(rng, spec, [x], machine)
        taken += 1
    assert taken


def test_a_narrow_key_holds_every_value_and_place():
    values = np.repeat(np.arange(-128, 128), 255).reshape(1, 16, 16, 255).astype(np.int8)
    spec = Argmax.of(TensorType(values.shape, "i8"), output=TensorType((), "i32"), axis=3, keepdims=True)
    target = get("edge-256")
    memory = np.zeros(1 << 20, np.uint8)
    places = harness.Places(np.random.default_rng(0), memory.size)
    places.memory = memory
    source, result = places.operand(spec.inputs[0], dense=True), places.operand(spec.output, dense=True)
    params, scratch = places.blob(spec.pack_params()), places.blob(bytes(spec.scratch_bytes(target)))
    source.write(memory, values)
    first = spec.emit((source,), result, params, scratch, target)[0]
    first.effect({harness.Space.SRAM: memory}, harness.kernels)
    keys = first.ofm.read(memory).reshape(1, 16, 2, 255, 8).transpose(0, 1, 2, 4, 3).reshape(values.shape)
    np.testing.assert_array_equal(keys, np.maximum(256 * values.astype(np.int32) + 127 - np.arange(255), -(1 << 15)))


@pytest.mark.parametrize(
    ("shape", "dtype", "axis", "keepdims", "found"),
    [
        ((1, 4, 4, 8), "i8", 1, True, "dimension 1 of 4"),
        ((1, 4, 4, 8), "i8", 3, False, "dimension 3 of 4, which goes"),
        ((1, 4, 4, 256), "ui8", 3, True, "256"),
        ((1, 1, 8, 40000), "i8", 3, True, "40000"),
    ],
)
def test_what_has_no_keys_is_refused(shape, dtype, axis, keepdims, found):
    spec = Argmax.of(TensorType(shape, dtype), output=TensorType((), "i32"), axis=axis, keepdims=keepdims)
    assert found in [refusal.found for refusal in spec.limits(get("u55-256"))]


def test_a_row_too_wide_is_refused():
    spec = Argmax.of(TensorType((1, 1, 20000, 21), "i8"), output=TensorType((), "i64"), axis=3, keepdims=True)
    assert "row" in next(spec.limits(get("edge-256"))).rule
    assert not list(Argmax.of(TensorType((1, 513, 513, 21), "i8"), output=TensorType((), "i64"), axis=3, keepdims=True).limits(get("edge-256")))
