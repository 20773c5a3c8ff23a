# SPDX-License-Identifier: Apache-2.0
"""The difference of two rescaled activations, rescaled -> npu.sub."""

import functools

from npuc.passes.convert_tosa_to_npu._sum import fuse

FUSIONS = (("npu.rescale", functools.partial(fuse, "sub")),)
