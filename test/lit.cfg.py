# SPDX-License-Identifier: Apache-2.0
"""lit's configuration: every .mlir file under test/ is a shell test. `lit -sv test`."""

import os
import sys
from pathlib import Path

import lit.formats

ROOT = Path(__file__).resolve().parent.parent

config.name = "npuc"
# False: lit's own shell. It needs no bash and starts faster.
config.test_format = lit.formats.ShTest(False)
config.suffixes = [".mlir"]
config.test_source_root = str(ROOT / "test")
config.test_exec_root = str(ROOT / "build" / "lit")
config.excludes = ["golden", "Inputs"]

# The interpreter that runs lit is the one whose npuc is tested.
python = Path(sys.executable).as_posix()
for name in ("PYTHONPATH", "OMP_NUM_THREADS", "HOME", "TMPDIR"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

# %npu-opt and npu-opt alike, but not the file npu-opt.mlir; the same for FileCheck. -X faulthandler: MLIR's crashes name a line.
config.substitutions += [
    (r"%npu-opt|(?<![\w./-])npu-opt(?![\w./-])", f"'{python}' -X faulthandler -m npuc.opt"),
    (r"(?<![\w./-])(?:FileCheck|filecheck)(?![\w./-])", f"'{Path(python).parent.as_posix()}/filecheck'"),
    (r"%python", f"'{python}'"),
]
