# SPDX-License-Identifier: Apache-2.0
"""Whole networks of random weights: the program computes the PT2E model's codes, all of them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import npuc
from models import randomize
from models.exact import Exact
from models.mobilenet_v2 import InvertedResidual, conv_bn
from models.resnet20 import ResNet20

torch.set_num_threads(1)


class SmallMobileNet(nn.Module):
    """MobileNetV2's blocks, few of them; 48 -> 6 pixels, an odd number of which are averaged over."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(*conv_bn(3, 16, 3, 2), nn.ReLU6(inplace=True))
        shapes = ((16, 8, 1, 1), (8, 12, 2, 6), (12, 12, 1, 6), (12, 20, 2, 6), (20, 20, 1, 6))
        self.blocks = nn.Sequential(*(InvertedResidual(inputs, outputs, stride, factor) for inputs, outputs, stride, factor in shapes))
        self.classifier = nn.Linear(20, 10)

    def forward(self, x):
        return self.classifier(self.blocks(self.stem(x)).mean([2, 3]))


class Gated(nn.Module):
    """Hard-swish, squeeze and excitation, 5x5 depthwise: MobileNetV3's block."""

    def __init__(self):
        super().__init__()
        self.expand, self.depthwise = nn.Conv2d(8, 24, 1), nn.Conv2d(24, 24, 5, 2, 2, groups=24)
        self.down, self.up, self.project = nn.Conv2d(24, 8, 1), nn.Conv2d(8, 24, 1), nn.Conv2d(24, 8, 1)
        self.stem, self.head = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 5)

    def forward(self, x):
        x = F.hardswish(self.depthwise(F.hardswish(self.expand(F.hardswish(self.stem(x))))))
        gate = F.hardsigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(self.project(x * gate), 1), 1))


class Shuffled(nn.Module):
    """Channel split and shuffle: ShuffleNetV2's block."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.first, self.depthwise, self.last = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Conv2d(8, 8, 1)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2, 1)
        for _ in range(2):
            kept, used = x.chunk(2, 1)
            used = F.relu(self.last(self.depthwise(F.relu(self.first(used)))))
            x = torch.cat([kept, used], 1)
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return x


class Pyramid(nn.Module):
    """A feature pyramid with two heads: nearest upsampling, concat, SiLU, outputs of two sizes."""

    def __init__(self):
        super().__init__()
        self.stem, self.down = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 16, 3, 2, 1)
        self.side, self.mix, self.heads = (
            nn.Conv2d(16, 8, 1),
            nn.Conv2d(16, 8, 3, 1, 1),
            nn.ModuleList([nn.Conv2d(8, 6, 1), nn.Conv2d(16, 6, 1)]),
        )

    def forward(self, x):
        fine = F.silu(self.stem(x))
        coarse = F.silu(self.down(fine))
        up = F.interpolate(self.side(coarse), scale_factor=2, mode="nearest")
        return self.heads[0](F.silu(self.mix(torch.cat([up, fine], 1)))), self.heads[1](coarse)


NETWORKS = {
    "resnet20": (ResNet20, 32),
    "mobilenet": (SmallMobileNet, 40),
    "gated": (Gated, 20),
    "shuffled": (Shuffled, 32),
    "pyramid": (Pyramid, 32),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_every_code_of_the_pt2e_model(name):
    build, size = NETWORKS[name]
    images = torch.randn((6, 3, size, size), generator=torch.Generator().manual_seed(1))
    compiled = npuc.compile(randomize(build(), 0), images[:1], calibration=[images[:4]])
    exact = Exact(compiled.quantized)
    for image in images[3:]:
        ours, theirs = compiled(image[None]), exact(image[None])
        pairs = zip(ours, theirs, strict=True) if isinstance(ours, tuple | list) else [(ours, theirs)]
        for a, b in pairs:
            assert torch.equal(a, b.float())
            assert len(a.unique()) > 4
