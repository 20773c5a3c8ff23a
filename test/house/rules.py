# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a reader of one file can check. Each: (path from the root, text) -> complaints."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]

Rule = Callable[[PurePosixPath, str], list[str]]

# Rooms that load and run a program: neither MLIR nor torch.
LIGHT_ROOMS = {"numerics", "targets", "isa", "ops", "timing", "plan", "sim", "runtime", "report"}
HEAVY = {"torch", "torch_mlir", "torchao"}
# Modules and rooms whose business is to print.
PRINTERS = {"cli", "report", "opt"}
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}

SOURCE_SUFFIXES = {".py", ".pyi", ".cpp", ".h", ".cmake", ".sh", ".toml", ".yml", ".yaml", ".cfg"}
SOURCE_NAMES = {"CMakeLists.txt", "Makefile", "constraints.txt", "npu-opt", "npu-dis", "run"}


def files() -> Iterator[tuple[PurePosixPath, str]]:
    """Every text file that git tracks or would track, as (path from the root, text)."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in sorted(filter(None, listing.stdout.decode().split("\0"))):
        path = ROOT / name
        if path.is_symlink() or not path.is_file():
            continue
        try:
            yield PurePosixPath(name), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def complaints(rule: Rule) -> list[str]:
    """What `rule` says about the repository."""
    return [f"{path}: {complaint}" for path, text in files() for complaint in rule(path, text)]


def room(path: PurePosixPath) -> str | None:
    """The room of a library file (`sim` of python/npuc/sim/machine.py, `cli` of python/npuc/cli.py), else None."""
    if path.suffix != ".py":
        return None
    if path.parts[0] == "dialects":
        return "dialects"
    if path.parts[:2] == ("python", "npuc"):
        return path.parts[2].removesuffix(".py")
    return None


def nodes(path: PurePosixPath, text: str) -> Iterator[ast.AST]:
    """The syntax tree of a Python file, flat; nothing of any other file."""
    if path.suffix == ".py":
        yield from ast.walk(ast.parse(text, str(path)))


def imported(node: ast.AST) -> list[str]:
    """Top-level names of the packages that a statement, or a call of `import_module("...")`, imports."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").partition(".")[0]]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ("import_module", "__import__"):
            return [node.args[0].value.partition(".")[0]]
    return []


def spdx_header(path: PurePosixPath, text: str) -> list[str]:
    """Every source file names its licence in its first three lines."""
    if path.suffix not in SOURCE_SUFFIXES and path.name not in SOURCE_NAMES:
        return []
    if re.search(r"SPDX-License-Identifier: Apache-2\.0", "\n".join(text.splitlines()[:3])):
        return []
    return ["no licence header, wanted `SPDX-License-Identifier: Apache-2.0` in a comment at the top"]


def no_machine_paths(path: PurePosixPath, text: str) -> list[str]:
    """The repository knows nothing of the computers it was written on."""
    paths = re.compile(r"(?<![\w.~:/-])/(?:" + "|".join(("work", "root", "farm", "home", "Users")) + r")/[\w.-]*")
    return [f"line {number}: {match[0]}" for number, line in enumerate(text.splitlines(), 1) for match in paths.finditer(line)]


def no_package_hosts(path: PurePosixPath, text: str) -> list[str]:
    """Where packages come from is the installer's setting, not the repository's."""
    options = re.compile("--(?:extra-)?" + "index-url|--find" + "-links|/sim" + "ple/?\\b.*pypi|pypi.*/sim" + "ple")
    return [f"line {number}: {match[0]}" for number, line in enumerate(text.splitlines(), 1) for match in options.finditer(line)]


def no_branch_on_target_name(path: PurePosixPath, text: str) -> list[str]:
    """What differs between machines is data of their target files."""

    def is_target_name(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Attribute)
            and node.attr == "name"
            and (getattr(node.value, "id", None) or getattr(node.value, "attr", None)) in ("target", "machine")
        )

    found = []
    for node in nodes(path, text) if room(path) else ():
        compared = isinstance(node, ast.Compare) and any(map(is_target_name, [node.left, *node.comparators]))
        matched = isinstance(node, ast.Match) and is_target_name(node.subject)
        tested = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_target_name(node.func.value)
        tested = tested and node.func.attr in ("startswith", "endswith")
        if compared or matched or tested:
            found.append(f"line {node.lineno}: decides by a target's name, wanted a field of the target")
    return found


def loads_without_pickle(path: PurePosixPath, text: str) -> list[str]:
    """np.load says allow_pickle=False, wherever it stands."""
    found = []
    for node in nodes(path, text):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load"):
            continue
        if getattr(node.func.value, "id", None) not in ("np", "numpy"):
            continue
        said = [word.value for word in node.keywords if word.arg == "allow_pickle"]
        if not (said and isinstance(said[0], ast.Constant) and said[0].value is False):
            found.append(f"line {node.lineno}: np.load without allow_pickle=False")
    return found


def no_pickle(path: PurePosixPath, text: str) -> list[str]:
    """Nothing here unpickles, neither in the library nor in tests."""
    return [f"line {node.lineno}: imports {name}" for node in nodes(path, text) for name in imported(node) if name in UNPICKLERS]


def no_print(path: PurePosixPath, text: str) -> list[str]:
    """A library logs; only the command line and the reports print."""
    if room(path) is None or room(path) in PRINTERS:
        return []
    return [
        f"line {node.lineno}: print() in a library, wanted logging.getLogger('npuc')"
        for node in nodes(path, text)
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print"
    ]


def light_rooms_stay_light(path: PurePosixPath, text: str) -> list[str]:
    """No import of MLIR or torch in the rooms that load and run programs, not even inside a function."""
    if room(path) not in LIGHT_ROOMS:
        return []
    return [f"line {node.lineno}: imports {name}" for node in nodes(path, text) for name in imported(node) if name in HEAVY]


def dialects_keep_their_annotations(path: PurePosixPath, text: str) -> list[str]:
    """MLIR's dialect classes read annotations as values: postponed evaluation turns them into text."""
    if room(path) != "dialects":
        return []
    return [
        f"line {node.lineno}: from __future__ import annotations"
        for node in nodes(path, text)
        if isinstance(node, ast.ImportFrom) and node.module == "__future__" and any(alias.name == "annotations" for alias in node.names)
    ]


RULES: list[Rule] = [
    spdx_header,
    no_machine_paths,
    no_package_hosts,
    no_branch_on_target_name,
    loads_without_pickle,
    no_pickle,
    no_print,
    light_rooms_stay_light,
    dialects_keep_their_annotations,
]
