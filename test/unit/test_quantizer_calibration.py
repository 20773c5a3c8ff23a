# SPDX-License-Identifier: Apache-2.0
"""What may be given as calibration data, and what is refused with which words."""

import logging

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from npuc.errors import CalibrationMissing, InputMismatch, UserInputError
from npuc.quantize import quantize_module
from npuc.quantize.calibration import RANDOM_SAMPLES, samples

torch.set_num_threads(1)

MODULE = nn.Sequential(nn.Conv2d(3, 4, 1))
ONE = (torch.zeros(1, 3, 2, 2),)
FOUR = (torch.zeros(4, 3, 2, 2),)
IMAGES = torch.arange(10 * 12, dtype=torch.float32).reshape(10, 3, 2, 2)
LABELS = torch.arange(10)


class TwoInputs(nn.Module):
    def forward(self, left, right):
        return left + right


def fed(calibration, examples=ONE, module=MODULE) -> list[tuple]:
    return list(samples(calibration, examples, module, 0))


def first_values(pieces: list[tuple]) -> list[list[int]]:
    """Which images each piece holds."""
    return [[int(row.flatten()[0]) // 12 for row in piece[0]] for piece in pieces]


def test_a_list_of_single_inputs():
    assert first_values(fed([IMAGES[:1], IMAGES[3:4]])) == [[0], [3]]


def test_numpy_arrays():
    assert first_values(fed([IMAGES[:1].numpy(), np.asarray(IMAGES[3:4], np.float64)])) == [[0], [3]]


def test_a_stack_of_inputs_is_walked_over_its_first_dimension():
    assert first_values(fed(IMAGES)) == [[i] for i in range(10)]


def test_a_large_batch_is_fed_image_by_image():
    assert first_values(fed([IMAGES])) == [[i] for i in range(10)]


def test_a_data_loader_with_labels():
    loader = DataLoader(TensorDataset(IMAGES, LABELS), batch_size=4)
    assert first_values(fed(loader)) == [[i] for i in range(10)]


def test_a_batch_that_does_not_divide_reaches_back():
    assert first_values(fed([IMAGES], FOUR)) == [[0, 1, 2, 3], [4, 5, 6, 7], [6, 7, 8, 9]]


def test_a_small_batch_is_repeated():
    assert first_values(fed([IMAGES[:3]], FOUR)) == [[0, 1, 2, 0]]


def test_a_dict_is_read_by_the_names_of_the_arguments():
    (piece,) = fed([{"right": torch.ones(1, 2), "left": torch.zeros(1, 2), "label": 3}], (torch.zeros(1, 2),) * 2, TwoInputs())
    assert [int(x.sum()) for x in piece] == [0, 2]


def test_several_inputs_and_a_label():
    (piece,) = fed([(torch.zeros(1, 2), torch.ones(1, 2), torch.tensor([7]))], (torch.zeros(1, 2),) * 2, TwoInputs())
    assert [int(x.sum()) for x in piece] == [0, 2]


def test_random_inputs_are_asked_for_by_name_and_tell_their_seed(caplog):
    with caplog.at_level(logging.WARNING, "npuc"):
        first = fed("random")
    assert len(first) == RANDOM_SAMPLES and "seed 0" in caplog.text
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, fed("random"), strict=True))


def test_nothing_given_is_an_error_that_says_what_to_give():
    with pytest.raises(CalibrationMissing, match='iterable of inputs.*calibration="random"'):
        quantize_module(MODULE, ONE)


def test_no_items_is_an_error():
    with pytest.raises(CalibrationMissing, match="no samples"):
        quantize_module(MODULE, ONE, [])


REFUSED = {
    "another word": ("rand", UserInputError, "'rand'"),
    "a number": (3, UserInputError, "int"),
    "too few inputs": ([()], InputMismatch, "too few inputs"),
    "another shape": ([torch.zeros(1, 3, 4, 4)], InputMismatch, r"\(1, 3, 4, 4\)"),
    "bytes for floats": ([torch.zeros(1, 3, 2, 2, dtype=torch.uint8)], InputMismatch, "torch.uint8"),
    "text": ([["photo.jpg"]], InputMismatch, "str"),
    "not a number": ([torch.full((1, 3, 2, 2), float("nan"))], UserInputError, "not finite"),
    "an empty batch": ([torch.zeros(0, 3, 2, 2)], InputMismatch, r"\(0, 3, 2, 2\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name):
    calibration, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        fed(calibration)


def test_values_that_overflow_inside_the_network_name_the_layer():
    module = nn.Sequential(nn.Conv2d(3, 4, 1))
    with torch.no_grad():
        module[0].weight.fill_(3e38)
    with pytest.raises(UserInputError, match="not finite[\\s\\S]*layer: 0"):
        quantize_module(module, ONE, [torch.ones(1, 3, 2, 2)])
