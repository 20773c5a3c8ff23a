# SPDX-License-Identifier: Apache-2.0
"""The ops of the `npu` dialect, one a file, found by walking this folder."""
