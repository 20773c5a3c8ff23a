# SPDX-License-Identifier: Apache-2.0
"""Batches over several processes: each loads the program once and runs the parts it is given.

The processes are fresh interpreters, so a caller needs no `if __name__ == "__main__"` guard and
nothing that it has loaded is copied. They talk over pipes: a length, then as many bytes; arrays travel as .npy, which executes nothing.
"""

import io
import os
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np

from npuc.errors import NpucError, SimulationError

_LENGTH = struct.Struct("<Q")
_WORKER = "import sys; from npuc.runtime.workers import serve; serve(sys.argv[1])"
# a first byte of an answer
_RESULT, _ERROR = b"R", b"E"

Arrays = tuple[np.ndarray, ...]


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes | None:
    """The next message; None at the end of the pipe."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    data = pipe.read(size)
    return data if len(data) == size else None


def _packed(arrays: Sequence[np.ndarray]) -> bytes:
    file = io.BytesIO()
    file.write(_LENGTH.pack(len(arrays)))
    for array in arrays:
        np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    return file.getvalue()


def _unpacked(data: bytes) -> Arrays:
    file = io.BytesIO(data)
    (count,) = _LENGTH.unpack(file.read(_LENGTH.size))
    return tuple(np.lib.format.read_array(file, allow_pickle=False) for _ in range(count))


class Workers:
    """Processes that run one program; a context manager.

    Args:
        program: bytes of the program file.
        engine: see `npuc.sim.engines`.
        count: how many processes.
    """

    def __init__(self, program: bytes, engine: str, count: int):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        # a child imports the very package that runs here, wherever it lies
        here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (here, environment.get("PYTHONPATH"))))
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            for _ in range(count):
                command = [sys.executable, "-c", _WORKER, engine]
                self._processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment))
        except BaseException:
            self.close()
            raise
        self._program = program
        self._started = False

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes, whatever they do."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except BrokenPipeError:
                        # what was left to send has nobody to read it
                        pass
            process.wait()
        self._processes = []

    def map(self, parts: Sequence[Arrays]) -> Iterator[tuple[int, Arrays]]:
        """Runs every part; gives (its number, outputs) as they arrive.

        Raises:
            SimulationError: a part cannot be run, or a process ended.
        """
        todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(len(parts)):
            todo.put(number)
        done: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        threads = [threading.Thread(target=self._serve, args=(process, parts, todo, done), daemon=True) for process in self._processes]
        for thread in threads:
            thread.start()
        self._started = True
        for _ in parts:
            number, found = done.get()
            if isinstance(found, BaseException):
                self.close()
                raise found
            yield number, found
        for thread in threads:
            thread.join()

    def _serve(self, process: "subprocess.Popen[bytes]", parts: Sequence[Arrays], todo: Any, done: Any) -> None:
        number = -1
        assert process.stdin is not None and process.stdout is not None
        try:
            if not self._started:
                _send(process.stdin, self._program)
            while True:
                try:
                    number = todo.get_nowait()
                except queue.Empty:
                    return
                _send(process.stdin, _packed(parts[number]))
                answer = _receive(process.stdout)
                if answer is None:
                    raise SimulationError("a worker process ended before its work", found=f"exit status {process.wait()}")
                if answer[:1] == _ERROR:
                    raise SimulationError("a worker process could not run its part", found=answer[1:].decode(errors="replace"))
                done.put((number, _unpacked(answer[1:])))
        except (NpucError, OSError, ValueError) as error:
            failed = error if isinstance(error, NpucError) else SimulationError("a worker process cannot be reached", found=str(error))
            done.put((number, failed))


def serve(engine: str) -> None:
    """A worker's life: the program first, then one answer a request until the pipe ends."""
    from npuc.runtime.loaded import load

    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    # what anything prints must not stand among the answers
    sys.stdout = sys.stderr
    data = _receive(requests)
    if data is None:
        return
    loaded = load(data, engine)
    while (data := _receive(requests)) is not None:
        try:
            outputs = loaded.run(*_unpacked(data))
            _send(answers, _RESULT + _packed(outputs if isinstance(outputs, tuple) else (outputs,)))
        except NpucError as error:
            _send(answers, _ERROR + str(error).encode())
