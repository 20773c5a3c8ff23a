# SPDX-License-Identifier: Apache-2.0
"""Progress of long steps on a terminal; silent anywhere else."""

import logging
import sys
from typing import Any


class Progress:
    """One line that says which stage runs and how far it is. A context manager."""

    def __init__(self, title: str):
        self._title = title
        self._live: Any = None
        self._task: Any = None

    def __enter__(self) -> "Progress":
        # quiet means quiet on a terminal too
        loud = logging.getLogger("npuc").isEnabledFor(logging.WARNING)
        if loud and sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Rich

            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
            self._live = Rich(*columns, console=Console(stderr=True), transient=True)
            self._live.start()
            self._task = self._live.add_task(self._title, total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def stage(self, name: str) -> None:
        """A new stage of unknown length."""
        self.tell(name, 0, None)

    def tell(self, stage: str, done: int, total: int | None) -> None:
        """`done` of `total` parts of `stage`."""
        if self._live is not None:
            self._live.update(self._task, description=f"{self._title}: {stage}", completed=done, total=total)
