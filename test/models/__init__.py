# SPDX-License-Identifier: Apache-2.0
"""Networks written in the tests, as plain torch modules, and a way to give them weights that keep values alive."""

import torch
from torch import nn


def randomize(module: nn.Module, seed: int) -> nn.Module:
    """Fill a network with random weights whose activations neither die nor explode; in eval mode.

    Default weights of an untrained network shrink the values layer by layer, until every code is the zero point and
    any wrong answer is right.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor: torch.Tensor, mean: float, std: float) -> None:
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * std + mean)

    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                fan_in = layer.weight[0].numel()
                normal(layer.weight, 0.0, (2 / fan_in) ** 0.5)
                if layer.bias is not None:
                    normal(layer.bias, 0.0, 0.1)
            if isinstance(layer, nn.BatchNorm2d):
                normal(layer.weight, 1.0, 0.1)
                normal(layer.bias, 0.0, 0.1)
                normal(layer.running_mean, 0.0, 0.1)
                layer.running_var.copy_(0.8 + 0.4 * torch.rand(layer.running_var.shape, generator=generator))
    return module.eval()
