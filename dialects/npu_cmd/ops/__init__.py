# SPDX-License-Identifier: Apache-2.0
"""The ops of the `npu_cmd` dialect."""
