# SPDX-License-Identifier: Apache-2.0
"""Files in and out: an output is there whole or not at all, an archive of arrays is never trusted."""

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from npuc.errors import ImportFailed, UserInputError

if TYPE_CHECKING:
    import numpy as np


# An escaped backslash, quote, newline or tab; or bytes in hexadecimal.
_ESCAPES = re.compile(r"""\\[\\"nt]|((?:\\[0-9A-Fa-f]{2})+)""")


def check_mlir_text(text: str) -> None:
    """Whether every string in MLIR's text is UTF-8: its bindings bring the process down at a layer's name that is not.

    Raises:
        ImportFailed: one is not.
    """
    for found in _ESCAPES.finditer(text):
        try:
            bytes.fromhex((found[1] or "").replace("\\", "")).decode()
        except UnicodeDecodeError:
            line = text.count("\n", 0, found.start()) + 1
            raise ImportFailed("a string of the module is no UTF-8", found=f"{found[1][:40]} in line {line}", wanted="text") from None


def check_output(path: str | os.PathLike[str]) -> None:
    """Whether a file can be put at `path`, as far as one can tell before the work.

    Raises:
        UserInputError: it is a folder, or its folder does not exist.
    """
    target = Path(path)
    if target.is_dir():
        raise UserInputError(f"'{target}' is a folder", wanted="the name of a file")
    if not target.absolute().parent.is_dir():
        raise UserInputError(f"the folder of '{target}' does not exist", found=str(target.absolute().parent))


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` beside `path` and put it there in one step: nobody ever sees a part of it.

    What is there and is no plain file (a pipe, /dev/null) is written to, not replaced.

    Raises:
        UserInputError: see `check_output`.
        OSError: the disk is full, or the folder is not ours to write to.
    """
    check_output(path)
    target = Path(path)
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    handle, name = tempfile.mkstemp(dir=target.absolute().parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp makes private files; the result gets the mode any new file has
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load_arrays(path: str | os.PathLike[str]) -> "dict[str, np.ndarray]":
    """The arrays of an .npz by name; that of an .npy as "input_0".

    Raises:
        UserInputError: neither, damaged, or with objects inside.
        OSError: no such file.
    """
    # here: what prints a version imports this file and needs no arrays
    import zipfile

    import numpy as np

    try:
        # opened here: numpy leaves the file of a damaged archive open
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                return {"input_0": archive}
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, OverflowError, MemoryError, zipfile.BadZipFile) as error:
        raise UserInputError(f"'{path}' cannot be read", found=str(error), wanted="an .npz file of plain arrays") from error
