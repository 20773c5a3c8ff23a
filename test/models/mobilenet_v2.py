# SPDX-License-Identifier: Apache-2.0
"""MobileNetV2 at width 1.0 (Sandler et al. 2018, table 2)."""

import torch
from torch import nn

# expansion, output channels, repeats, first stride
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def conv_bn(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int):
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        expand = [*conv_bn(inputs, hidden), nn.ReLU6(inplace=True)] if expansion > 1 else []
        depthwise = [*conv_bn(hidden, hidden, 3, stride, hidden), nn.ReLU6(inplace=True)]
        self.conv = nn.Sequential(*expand, *depthwise, *conv_bn(hidden, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    """Input (N, 3, 224, 224) f32, output (N, classes) logits."""

    def __init__(self, classes: int = 1000):
        super().__init__()
        blocks, inputs = [], 32
        for expansion, outputs, repeats, stride in STAGES:
            for index in range(repeats):
                blocks.append(InvertedResidual(inputs, outputs, stride if index == 0 else 1, expansion))
                inputs = outputs
        self.stem = nn.Sequential(*conv_bn(3, 32, 3, 2), nn.ReLU6(inplace=True))
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(*conv_bn(inputs, 1280), nn.ReLU6(inplace=True))
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(1280, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.head(self.blocks(self.stem(x)))
        return self.classifier(self.dropout(x.mean([2, 3])))


EXAMPLE = (1, 3, 224, 224)
