# SPDX-License-Identifier: Apache-2.0
"""A function for a child process that may not survive its case."""

import os
import time


def answer(case):
    if case["how"] == "abort":
        os.abort()
    if case["how"] == "sleep":
        time.sleep(60)
    return {"said": case["how"]}
