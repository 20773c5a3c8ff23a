# SPDX-License-Identifier: Apache-2.0
"""Prints, one a line, what pyproject.toml asks for: `requirements.py [extra ...]`.

So that `make` installs dependencies once, and npuc itself anew whenever its sources change.
"""

import re
import sys
import tomllib
from pathlib import Path


def requirements(project: dict, extras: list[str]) -> list[str]:
    """The dependencies of `project` (pyproject's table) with `extras`; an extra may name others as "npuc[a,b]"."""
    found = list(project["dependencies"])
    for extra in extras:
        for item in project["optional-dependencies"][extra]:
            inner = re.fullmatch(r"npuc\[(.+)\]", item)
            found += requirements(project, inner[1].split(",")) if inner else [item]
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    pyproject = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    print("\n".join(pyproject["build-system"]["requires"] + requirements(pyproject["project"], sys.argv[1:])))
