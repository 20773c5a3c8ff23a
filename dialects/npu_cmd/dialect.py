# SPDX-License-Identifier: Apache-2.0
"""The `npu_cmd` dialect itself."""

from npuc.dialects.base import Dialect


class NpuCmd(Dialect, name="npu_cmd"):
    """Instructions in the order of the program, inside `npu_cmd.segment`."""
