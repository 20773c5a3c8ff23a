# SPDX-License-Identifier: Apache-2.0
"""The `npu_cmd` dialect: what the machine does, on bytes; one op an instruction, generated from the instruction's fields."""
