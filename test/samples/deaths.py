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


def hostile_answer(case):
    """File 0 brings the process down."""
    return answer({"how": "abort" if case["number"] == 0 else "well"}) | {"outcome": "accepted", "harm": ""}
