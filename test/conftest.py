# SPDX-License-Identifier: Apache-2.0
"""What all tests share: one thread, hypothesis settings, the golden switch, and the data that stays outside the repository."""

import os
from pathlib import Path

# Before numpy and torch are imported: two libraries spinning on each other's threads are far slower than one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

# The same examples on every run, and no verdict by the clock: machines that run tests are shared.
settings.register_profile("npuc", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("npuc")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew instead of comparing with them")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written."""
    return request.config.getoption("--update-golden")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real weights and data beside the repository; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs real weights and data in ../{SHARED.name}, which is absent")
    return SHARED
