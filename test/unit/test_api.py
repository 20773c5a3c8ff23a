# SPDX-License-Identifier: Apache-2.0
"""What compile() is given and cannot use is refused before any work, in words."""

import pytest
import torch
from torch import nn

import npuc
from npuc.errors import UserInputError


def refusal(module=None, x=None, **options) -> str:
    with pytest.raises(UserInputError) as caught:
        npuc.compile(module or nn.Linear(4, 2), torch.randn(1, 4) if x is None else x, calibration="random", **options)
    return str(caught.value)


@pytest.mark.parametrize("seed", ["7", -1, 1.5, None, 1 << 63])
def test_a_seed_is_a_whole_number(seed):
    assert f"found: {seed!r}" in refusal(seed=seed)


def test_the_folder_of_stages_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be made" in refusal(save_stages=tmp_path / "file" / "stages")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.complex64])
def test_real_values_are_float32(dtype):
    assert f"an example input has another element type\n  found: {dtype}" in refusal(x=torch.zeros((1, 4), dtype=dtype))
    assert f"parameter 'weight' has another element type\n  found: {dtype}" in refusal(nn.Linear(4, 2, dtype=dtype))


def test_a_network_without_values():
    assert "'weight' on the meta device" in refusal(nn.Linear(4, 2, device="meta"))
