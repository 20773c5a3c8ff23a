# SPDX-License-Identifier: Apache-2.0
"""The sum of two rescaled activations, rescaled -> npu.add."""

import functools

from npuc.passes.convert_tosa_to_npu._sum import fuse

FUSIONS = (("npu.rescale", functools.partial(fuse, "add")),)
