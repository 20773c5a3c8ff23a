# SPDX-License-Identifier: Apache-2.0
"""ResNet-20 with its trained weights, on the simulator: the PT2E model's codes, and the float network's classes."""

from pathlib import Path

import numpy as np
import pytest
import torch

import npuc
from models.exact import Exact
from models.resnet20 import ResNet20

SHARED = Path(__file__).resolve().parents[3] / "shared"
WEIGHTS = SHARED / "models/torch/resnet20-cifar10/resnet20.state_dict.pt"
IMAGES = SHARED / "data/cifar10-dev.npz"

pytestmark = pytest.mark.skipif(not (WEIGHTS.is_file() and IMAGES.is_file()), reason="trained weights and CIFAR-10 are not here")

torch.set_num_threads(1)
MEAN, STD = np.array((0.485, 0.456, 0.406), np.float32), np.array((0.229, 0.224, 0.225), np.float32)


@pytest.fixture(scope="module")
def network() -> ResNet20:
    module = ResNet20().eval()
    module.load_state_dict(torch.load(WEIGHTS, weights_only=True))
    return module


@pytest.fixture(scope="module")
def images() -> tuple[torch.Tensor, np.ndarray]:
    """40 images to calibrate on, 50 to score, and the labels of these."""
    with np.load(IMAGES, allow_pickle=False) as data:
        pixels, labels = data["images"], data["labels"].reshape(-1)
    rows = np.r_[0:40, 1000:1050]
    tensor = torch.from_numpy(((pixels[rows] / np.float32(255) - MEAN) / STD).transpose(0, 3, 1, 2).copy())
    return tensor, labels[1000:1050]


@pytest.fixture(scope="module")
def compiled(network, images):
    return npuc.compile(network, images[0][:1], calibration=[image[None] for image in images[0][:40]])


def classes(call, images) -> np.ndarray:
    with torch.no_grad():
        return np.array([int(call(image[None]).argmax()) for image in images])


def test_every_code_is_that_of_the_pt2e_model_in_exact_arithmetic(compiled, images):
    exact = Exact(compiled.quantized)
    for image in images[0][40:44]:
        assert torch.equal(compiled(image[None]), exact(image[None]).float())


def test_the_classes_are_those_of_the_pt2e_model(compiled, images):
    scored = images[0][40:]
    same = classes(compiled, scored) == classes(compiled.quantized.module(check_guards=False), scored)
    assert same.sum() >= 49


def test_quantization_costs_at_most_one_image_in_fifty(compiled, network, images):
    scored, labels = images[0][40:], images[1]
    ours, theirs = classes(compiled, scored), classes(network, scored)
    assert (ours != theirs).sum() <= 2
    assert (ours == labels).sum() >= (theirs == labels).sum() - 1
