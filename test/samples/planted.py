# SPDX-License-Identifier: Apache-2.0
"""A wrong rewrite for the search to find: a clamp before a clamp loses its own bounds."""

from npuc.fuzz.cases import answer
from npuc.passes import npu_fuse_activations


def _clip_nothing(value, clamp):
    return value


def plant(set_attribute=setattr):
    """Breaks npu-fuse-activations in this process."""
    set_attribute(npu_fuse_activations, "_clip", _clip_nothing)


def planted_answer(case):
    """What a child with the wrong rewrite says of a case."""
    plant()
    return answer(case)
