# SPDX-License-Identifier: Apache-2.0
"""Cases in child processes: what kills or blocks one costs that case alone.

A child runs one function on one case after the other, under a limit on its memory; the parent gives it so many seconds a case. They
talk over pipes, a line of JSON a case and a line an answer.
"""

import importlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

Case = dict[str, Any]
Answer = dict[str, Any]

_CHILD = "import sys; from npuc.fuzz.processes import serve; serve(sys.argv[1], int(sys.argv[2]))"
# A child is replaced after so many cases: what leaks does not add up to a failure.
_CASES_A_CHILD = 2000


@dataclass(frozen=True)
class Limits:
    """What a case may cost.

    Attributes:
        seconds: wall time.
        memory_bytes: address space of the child, 0 for no limit.
    """

    seconds: float = 300.0
    memory_bytes: int = 0


class Child:
    """One process that answers cases; a new one after a death. A context manager.

    Args:
        function: "module:name" of a function from case to answer.
    """

    def __init__(self, function: str, limits: Limits):
        self._function, self._limits = function, limits
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ask(self, case: Case) -> Answer:
        """What the function says of the case; {"died": how} where it ended the process, or took too long."""
        if self._process is None or self._asked >= _CASES_A_CHILD:
            self.stop()
            self._start()
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        self._asked += 1
        try:
            self._process.stdin.write(json.dumps(case).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return {"died": self._end()}
        line = _line(self._process.stdout, self._limits.seconds)
        if line is None:
            self.stop()
            return {"died": f"no answer in {self._limits.seconds:g} s"}
        return json.loads(line) if line.endswith(b"\n") else {"died": self._end()}

    def stop(self) -> None:
        """Ends the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _start(self) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        # a child imports the very package that runs here, wherever it lies
        here = str(Path(__file__).resolve().parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (here, environment.get("PYTHONPATH"))))
        command = [sys.executable, "-c", _CHILD, self._function, str(self._limits.memory_bytes)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._asked = 0

    def _end(self) -> str:
        """How the process ended."""
        assert self._process is not None
        process, self._process = self._process, None
        status = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    # what was left to send has nobody to read it
                    pass
        return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _line(pipe: IO[bytes], seconds: float) -> bytes | None:
    """The next line, without its end where the pipe ends first; None where nothing came in time."""
    handle, data = pipe.fileno(), b""
    while not data.endswith(b"\n"):
        ready, _, _ = select.select([handle], [], [], seconds)
        if not ready:
            return None
        more = os.read(handle, 1 << 16)
        if not more:
            return data
        data += more
    return data


def run_cases(function: str, cases: Iterable[Case], workers: int, limits: Limits) -> Iterator[tuple[Case, Answer]]:
    """Asks `workers` children; gives each case with its answer, in the order of the answers."""
    waiting, lock = iter(cases), threading.Lock()
    answers: queue.SimpleQueue[tuple[Case, Answer] | None] = queue.SimpleQueue()
    stopped = threading.Event()

    def work() -> None:
        try:
            with Child(function, limits) as child:
                while not stopped.is_set():
                    with lock:
                        case = next(waiting, None)
                    if case is None:
                        break
                    answers.put((case, child.ask(case)))
        finally:
            answers.put(None)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    try:
        running = workers
        while running:
            item = answers.get()
            if item is None:
                running -= 1
            else:
                yield item
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def serve(function: str, memory_bytes: int) -> None:
    """A child's life: an answer a case until the pipe ends."""
    import faulthandler

    if memory_bytes:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    faulthandler.enable()
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # what anything prints must not stand among the answers
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    module, _, name = function.partition(":")
    answer = getattr(importlib.import_module(module), name)
    for line in requests:
        answers.write(json.dumps(answer(json.loads(line))).encode() + b"\n")
        answers.flush()
