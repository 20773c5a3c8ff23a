# SPDX-License-Identifier: Apache-2.0
"""What the files of this folder share: operands, constants and attributes of a TOSA op, and the npu ops made of it."""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import build, tensor_type
from npuc.dialects.npu.ops.constant import build_constant, constant_array
from npuc.errors import NpucError, UnsupportedOp
from npuc.ops import all_ops
from npuc.ops.base import OpSpec, TensorType
from npuc.passes.base import defining, refusal

INTEGERS = ("i1", "i8", "i16", "i32")


def refuse(op: ir.Operation, rule: str, found: object, wanted: str) -> NpucError:
    """The error to raise for a TOSA op that breaks a rule."""
    return refusal(
        op, UnsupportedOp, f"'{op.name}' cannot be converted", rule=rule, found=found, wanted=wanted,
        advice="npuc takes TOSA 1.0 modules of profile PRO-INT with static shapes",
    )  # fmt: skip


@dataclass(frozen=True)
class Tosa:
    """A TOSA op whose operands are npu values already."""

    op: ir.Operation

    @property
    def name(self) -> str:
        """Without the dialect."""
        return self.op.name.removeprefix("tosa.")

    def refuse(self, rule: str, found: object, wanted: str) -> NpucError:
        """See `refuse`."""
        return refuse(self.op, rule, found, wanted)

    # operands ----------------------------------------------------------------------------------

    def value(self, index: int = 0) -> ir.Value:
        return self.op.operands[index]

    @property
    def values(self) -> list[ir.Value]:
        return list(self.op.operands)

    def type(self, index: int = 0) -> TensorType:
        """The type of an operand."""
        return self._typed(self.op.operands[index].type, f"operand {index}")

    @property
    def result(self) -> TensorType:
        """The type of the result, 48-bit integers as i64."""
        return self._typed(self.op.results[0].type, "the result")

    def check_types(self) -> None:
        """Operands and results are shapes, or tensors of PRO-INT.

        Raises:
            UnsupportedOp: one is anything else.
        """
        for subject, values in (("operand", self.op.operands), ("result", self.op.results)):
            for index, value in enumerate(values):
                if not str(value.type).startswith("!tosa.shape"):
                    self._typed(value.type, f"{subject} {index}")

    def _typed(self, kind: ir.Type, subject: str) -> TensorType:
        if isinstance(kind, ir.RankedTensorType) and str(kind.element_type) == "i48":
            kind = ir.RankedTensorType.get(kind.shape, ir.IntegerType.get_signless(64))
        try:
            found = tensor_type(kind)
        except ValueError:
            raise self.refuse("operands and results are tensors of integers with static shapes", f"{subject}: {kind}", "a ranked tensor") from None
        if found.dtype not in (*INTEGERS, "i64"):
            raise self.refuse("element types are those of PRO-INT", f"{subject}: {kind}", ", ".join((*INTEGERS, "i48")))
        return found

    def array(self, index: int, name: str) -> np.ndarray:
        """The value of an operand that must be known at compile time."""
        maker = defining(self.op.operands[index], "npu.constant")
        if maker is None:
            raise self.refuse(f"the {name} of {self.name} is known at compile time", "a value computed at run time", "a tosa.const")
        return constant_array(maker)

    def number(self, index: int, name: str) -> int:
        """The value of an operand of one element that must be known at compile time."""
        found = self.array(index, name)
        if found.size != 1:
            raise self.refuse(f"the {name} of {self.name} is one number", f"{found.size} numbers", "1")
        return int(found.reshape(-1)[0])

    def shape(self, index: int, name: str) -> tuple[int, ...]:
        """The extents in an operand of type !tosa.shape."""
        maker = defining(self.op.operands[index])
        if maker is not None and maker.name == "tosa.const_shape":
            return tuple(np.asarray(maker.attributes["values"]).reshape(-1).tolist())
        if maker is not None and maker.name == "tosa.dim":
            source = tensor_type(maker.operands[0].type)
            return (source.shape[maker.attributes["axis"].value],)
        raise self.refuse(f"the {name} of {self.name} is known at compile time", maker.name if maker else "an argument", "a tosa.const_shape")

    # attributes --------------------------------------------------------------------------------

    def flag(self, name: str) -> bool:
        return name in self.op.attributes and ir.BoolAttr(self.op.attributes[name]).value

    def integer(self, name: str) -> int:
        return ir.IntegerAttr(self.op.attributes[name]).value

    def integers(self, name: str) -> tuple[int, ...]:
        """A dense array attribute."""
        return tuple(self.op.attributes[name])

    def word(self, name: str) -> str:
        """An enumeration: SINGLE_ROUND of #tosa.rounding_mode<SINGLE_ROUND>."""
        found = re.fullmatch(r"#tosa\.\w+<(\w+)>", str(self.op.attributes[name]))
        assert found is not None, name
        return found[1]

    # results -----------------------------------------------------------------------------------

    def make(self, name: str, operands: list[ir.Value], output: TensorType | None = None, **params: Any) -> ir.Value:
        """Insert an npu op, its result inferred where `output` does not say it.

        Raises:
            UnsupportedOp: the op would not be well formed.
        """
        try:
            spec = spec_for(name, operands, output, **params)
        except ValueError as error:
            raise self.refuse(f"{self.name} is well formed as npu.{name}", str(error), "see the op's reference") from None
        return build(spec, operands)

    def constant(self, values: np.ndarray) -> ir.Value:
        """Insert an npu.constant."""
        # np.ascontiguousarray would give an array without dimensions one
        return build_constant(np.array(values, order="C"))

    def finish(self, value: ir.Value) -> ir.Value:
        """`value`, whose type must be that of the op's result.

        Raises:
            UnsupportedOp: the op's result is not of the type that follows from its operands.
        """
        found = tensor_type(value.type)
        if found != self.result:
            raise self.refuse("the result has the type that follows from operands and attributes", str(self.result), str(found))
        return value


def spec_for(name: str, operands: list[ir.Value], output: TensorType | None = None, **params: Any) -> OpSpec:
    """The spec of an op on `operands`.

    Raises:
        ValueError: the op is not well formed.
    """
    return all_ops()[name].of(*(tensor_type(value.type) for value in operands), output=output, **params)


def reshaped(at: Tosa, value: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    """`value` under another shape; itself where it has that shape."""
    kind = tensor_type(value.type)
    return value if kind.shape == shape else at.make("reshape", [value], replace(kind, shape=shape))
