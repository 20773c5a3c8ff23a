# SPDX-License-Identifier: Apache-2.0
"""Which ATen op is quantized by which rule. Names are plain: overloads and in-place forms are one op."""

# name -> position of the weight and its output-channel axis
WEIGHTED = {
    "conv1d": 0,
    "conv2d": 0,
    "conv3d": 0,
    "linear": 0,
    # (in, out / groups, height, width)
    "conv_transpose1d": 1,
    "conv_transpose2d": 1,
}

# two activations in, one out, all with their own parameters; with a number as second operand it is a unary function
BINARY = {"add", "sub", "mul"}
MATMUL = {"matmul", "bmm", "mm", "einsum"}

# averages and sums leave the range of their input, so they get parameters of their own
AVERAGE = {"avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "mean", "sum"}

# one value in, one value out, element by element: a 256-entry table on the machine
UNARY = {
    "sigmoid", "tanh", "gelu", "silu", "hardswish", "hardsigmoid", "leaky_relu", "elu", "selu", "celu", "mish",
    "softplus", "exp", "expm1", "erf", "sin", "cos", "abs", "neg", "square", "sqrt", "log_sigmoid", "softsign",
    "hardshrink", "softshrink", "tanhshrink", "rsub", "div", "pow", "log", "log1p", "rsqrt", "reciprocal", "sign", "floor",
    "ceil", "round", "trunc", "threshold", "exp2", "prelu",
}  # fmt: skip

# fused into the op before them: the observer sits behind the clamp, so no code is spent on values it cuts off
CLAMP = {"relu", "relu6", "hardtanh", "clamp", "clamp_min", "clamp_max"}

# move or choose codes and never compute new ones: output and input share scale and zero point
SHARED = {
    "max_pool1d", "max_pool2d", "max_pool3d", "amax", "amin",
    "view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze",
    "permute", "transpose", "t", "numpy_T", "movedim", "swapaxes",
    "slice", "select", "narrow", "index_select", "expand", "repeat", "tile", "flip", "roll",
    "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle",
    "pad", "constant_pad_nd", "upsample_nearest1d", "upsample_nearest2d", "_upsample_nearest_exact2d",
}  # fmt: skip

# a list of tensors in; every operand and the result share one scale
CONCAT = {"cat", "concat", "concatenate", "stack"}

# a list of tensors out; each part shares the scale of the whole
SPLIT = {"split", "split_with_sizes", "chunk", "tensor_split", "unbind"}

# results whose range is known beforehand: name -> (scale, zero point) for codes -128..127
FIXED = {
    "softmax": (1 / 256, -128),
    "_softmax": (1 / 256, -128),
    "sigmoid": (1 / 256, -128),
    "tanh": (1 / 128, 0),
}

# do nothing at inference; removed before quantization so that no clamp is hidden behind them
IDENTITY = {"dropout", "feature_dropout", "alpha_dropout", "clone", "alias", "detach", "contiguous", "lift_fresh_copy"}
