# SPDX-License-Identifier: Apache-2.0
"""Shows that an installed npuc loads and runs programs without MLIR and torch: `python check_wheel.py [PROGRAM.npub ...]`.

Run it with an interpreter that has npuc and numpy alone. It ends with status 1 and says why when something is missing, or when a
module of MLIR or torch gets imported.
"""

import importlib
import importlib.util
import pkgutil
import sys

HEAVY = {"torch", "torch_mlir", "torchao"}
# Every module of these rooms must import alone.
ROOMS = ("numerics", "targets", "isa", "ops", "timing", "plan", "sim", "runtime", "report")


def import_rooms() -> list[str]:
    """Imports `npuc` and each module of ROOMS that exists; returns their names."""
    package = importlib.import_module("npuc")
    names = ["npuc", "npuc.cli"] if importlib.util.find_spec("npuc.cli") else ["npuc"]
    for room in ROOMS:
        if importlib.util.find_spec(f"npuc.{room}") is None:
            continue
        module = importlib.import_module(f"npuc.{room}")
        names.append(module.__name__)
        names += [found.name for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{module.__name__}.")]
    assert package.__name__ == "npuc"
    for name in names:
        importlib.import_module(name)
    return names


def run_program(path: str) -> None:
    """Loads the program at `path` and runs it on inputs of zeros."""
    import numpy as np

    npuc = importlib.import_module("npuc")
    dtypes = importlib.import_module("npuc.ops.base").NUMPY_DTYPES
    program = npuc.load(path)
    program.run(*[np.zeros(value.shape, dtypes[value.dtype]) for value in program.inputs])


def main() -> int:
    names = import_rooms()
    for path in sys.argv[1:]:
        run_program(path)
    loaded = sorted(HEAVY & {name.partition(".")[0] for name in sys.modules})
    if loaded:
        print(f"check_wheel: {', '.join(loaded)} got imported, wanted none of {', '.join(sorted(HEAVY))}")
        return 1
    native = "there" if importlib.util.find_spec("npuc._native") else "absent"
    print(f"check_wheel: {len(names)} modules import alone, {len(sys.argv) - 1} programs run; npuc._native is {native}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
