# SPDX-License-Identifier: Apache-2.0
"""The instructions: one family a file, found by walking this folder."""

import functools
import importlib
import pkgutil

from npuc.errors import InternalError
from npuc.isa.base import Instruction


@functools.cache
def all_instructions() -> dict[str, type[Instruction]]:
    """Mnemonic -> instruction class, in the order of the opcodes.

    Raises:
        InternalError: two classes share an opcode or a mnemonic, or a class lacks one.
    """
    for info in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{info.name}")
    classes, queue = [], Instruction.__subclasses__()
    while queue:
        cls = queue.pop()
        below = cls.__subclasses__()
        queue.extend(below)
        # a base of several instructions is none itself, nor is what a test makes of one
        if "opcode" in vars(cls) or (cls.opcode < 0 and not below):
            classes.append(cls)
    classes.sort(key=lambda cls: cls.opcode)
    found: dict[str, type[Instruction]] = {}
    opcodes: dict[int, str] = {}
    for cls in classes:
        if not 0 <= cls.opcode <= 255 or not cls.mnemonic:
            raise InternalError(f"instruction {cls.__name__} lacks an opcode or a mnemonic", found=cls.opcode, wanted="0..255")
        if cls.opcode in opcodes or cls.mnemonic in found:
            raise InternalError(f"instruction {cls.__name__} shares opcode {cls.opcode} or mnemonic '{cls.mnemonic}' with another")
        opcodes[cls.opcode] = cls.mnemonic
        found[cls.mnemonic] = cls
    return found


@functools.cache
def by_opcode() -> dict[int, type[Instruction]]:
    """Opcode -> instruction class."""
    return {cls.opcode: cls for cls in all_instructions().values()}
