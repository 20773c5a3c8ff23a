# SPDX-License-Identifier: Apache-2.0
"""Parts of well-known networks at their real sizes, with random weights: what the schedules in bench/schedules are written for."""

from torch_mlir import ir

from samples.networks import Net, i8


def mobilenet_v2_block(seed: int = 0) -> ir.Module:
    """The third inverted residual of MobileNetV2-224: 56 x 56 x 24, expanded by six, depthwise, back to 24, added to its input."""
    net = Net(i8(1, 56, 56, 24), seed=seed)
    x = net.inputs[0]
    y = net.depthwise(net.conv(x, 144))
    return net.returns(net.add(net.conv(y, 24), x))


def resnet50_stage(seed: int = 0) -> ir.Module:
    """The first stage of ResNet50: three bottlenecks on 56 x 56, 64 channels in, 256 out."""
    net = Net(i8(1, 56, 56, 64), seed=seed)
    x = net.inputs[0]
    for number in range(3):
        y = net.conv(net.conv(net.conv(x, 64), 64, kernel=3, pad=1), 256)
        x = net.add(y, net.conv(x, 256) if number == 0 else x)
    return net.returns(x)
