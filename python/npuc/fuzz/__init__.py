# SPDX-License-Identifier: Apache-2.0
"""Looks for what the compiler gets wrong, and for files that bring it down.

    cases.py     which module a seed and a number stand for        npu.py, tosa.py, torch.py, ops/, baits.py   how it is drawn
    check.py     one module through everything                     shrink.py      a failing one made small
    search.py    one after the other, in processes.py              report.py      figures and coverage
    hostile.py   damaged files instead of sound modules            mutate.py      how they are damaged
"""
