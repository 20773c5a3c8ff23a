# SPDX-License-Identifier: Apache-2.0
"""The repository keeps the rules of the house, and each rule notices when one does not."""

from pathlib import PurePosixPath

import pytest

from house import rules


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps(rule):
    assert rules.complaints(rule) == []


# Split, so that this file does not break the rules it plants.
PLANTED = [
    (rules.spdx_header, "python/npuc/new.py", '"""No header."""\n'),
    (rules.spdx_header, "lib/new.cpp", "int x;\n"),
    (rules.spdx_header, ".github/workflows/new.yml", "on: push\n"),
    (rules.no_machine_paths, "docs/how-to.md", "run it in /wo" + "rk/here"),
    (rules.no_machine_paths, "tools/x.py", "DATA = '/ro" + "ot/data'"),
    (rules.no_machine_paths, "tools/x.py", "DATA = '/ho" + "me/me/data'"),
    (rules.no_package_hosts, "Makefile", "pip install --index" + "-url x"),
    (rules.no_package_hosts, "docs/x.md", "https://pypi.example/sim" + "ple"),
    (rules.no_branch_on_target_name, "python/npuc/sim/x.py", "if target.name == 'a': pass"),
    (rules.no_branch_on_target_name, "python/npuc/sim/x.py", "if self.target.name in ('a', 'b'): pass"),
    (rules.no_branch_on_target_name, "dialects/npu/x.py", "if 'a' != machine.name: pass"),
    (rules.no_branch_on_target_name, "python/npuc/plan/x.py", "x = 1 if target.name.startswith('edge') else 2"),
    (rules.no_branch_on_target_name, "python/npuc/plan/x.py", "match target.name:\n  case 'a': pass"),
    (rules.loads_without_pickle, "test/unit/test_x.py", "np.load('a.npy')"),
    (rules.loads_without_pickle, "bench/x.py", "numpy.load('a.npy', allow_pickle=True)"),
    (rules.no_pickle, "python/npuc/runtime/x.py", "def f():\n  import pickle"),
    (rules.no_pickle, "test/unit/test_x.py", "from pickle import loads"),
    (rules.no_print, "python/npuc/passes/x.py", "def f():\n  print('x')"),
    (rules.no_print, "dialects/base.py", "print('x')"),
    (rules.light_rooms_stay_light, "python/npuc/ops/x.py", "def f():\n  import torch.fx"),
    (rules.light_rooms_stay_light, "python/npuc/sim/engines/x.py", "from torch_mlir.ir import Context"),
    (rules.light_rooms_stay_light, "python/npuc/runtime/x.py", "importlib.import_module('torch_mlir.ir')"),
    (rules.dialects_keep_their_annotations, "dialects/npu/ops/x.py", "from __future__ import annotations"),
]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED, ids=lambda value: getattr(value, "__name__", None))
def test_a_planted_violation_is_noticed(rule, path, text):
    assert len(rule(PurePosixPath(path), text)) == 1


ALLOWED = [
    (rules.spdx_header, "python/npuc/new.py", "#!/usr/bin/env python3\n# SPDX-License-Identifier: Apache-2.0\n"),
    (rules.spdx_header, "docs/new.md", "text"),
    (rules.no_machine_paths, "docs/x.md", "../shared/data, ~/.venv, https://example.org/home/page, .github/workflows/, a/root/b"),
    (rules.no_branch_on_target_name, "python/npuc/cli.py", "print(target.name)"),
    (rules.loads_without_pickle, "python/npuc/cli.py", "np.load(path, allow_pickle=False); npuc.load(path)"),
    (rules.no_print, "python/npuc/cli.py", "print('x')"),
    (rules.no_print, "python/npuc/report/table.py", "print('x')"),
    (rules.no_print, "test/unit/test_x.py", "print('x')"),
    (rules.light_rooms_stay_light, "python/npuc/frontend/torch.py", "import torch"),
]


@pytest.mark.parametrize(("rule", "path", "text"), ALLOWED, ids=lambda value: getattr(value, "__name__", None))
def test_what_is_allowed_passes(rule, path, text):
    assert rule(PurePosixPath(path), text) == []


def test_rules_see_the_files_of_this_repository():
    """An empty listing would keep every rule."""
    seen = {str(path) for path, _ in rules.files()}
    assert {"pyproject.toml", "lib/bindings.cpp", "python/npuc/version.py", "test/house/test_rules.py"} <= seen
