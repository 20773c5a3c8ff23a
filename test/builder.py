# SPDX-License-Identifier: Apache-2.0
"""Networks of npu ops for tests, written op by op."""

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import build, mlir_type, tensor_type
from npuc.dialects.npu.ops.constant import build_constant
from npuc.ops import all_ops
from npuc.ops.base import TensorType


class Network:
    """Writes the function `main` of a new module; needs a context and a location.

    Attributes:
        inputs: the function's arguments.
    """

    def __init__(self, *inputs: TensorType):
        self.module = ir.Module.parse("module {}")
        with ir.InsertionPoint(self.module.body), ir.Location.name("model"):
            kinds = [mlir_type(kind) for kind in inputs]
            self.function = ir.Operation.create(
                "func.func", regions=1,
                attributes={"sym_name": ir.StringAttr.get("main"), "function_type": ir.TypeAttr.get(ir.FunctionType.get(kinds, []))},
            )  # fmt: skip
            self.block = self.function.regions[0].blocks.append(*kinds)
        self.inputs = list(self.block.arguments)

    def insert(self, name: str, *values: ir.Value, output: TensorType | None = None, layer: str = "", **params) -> ir.Value:
        spec = all_ops()[name].of(*(tensor_type(value.type) for value in values), output=output, **params)
        with ir.InsertionPoint(self.block):
            return build(spec, values, loc=ir.Location.name(layer or name))

    def constant(self, array: np.ndarray) -> ir.Value:
        with ir.InsertionPoint(self.block):
            return build_constant(array, loc=ir.Location.name("weights"))

    def transpose(self, value: ir.Value, perm: tuple[int, ...]) -> ir.Value:
        return self.insert("transpose", value, perm=perm)

    def reshape(self, value: ir.Value, *shape: int) -> ir.Value:
        return self.insert("reshape", value, output=TensorType(shape, tensor_type(value.type).dtype))

    def returns(self, *values: ir.Value) -> ir.Module:
        with ir.InsertionPoint(self.block), ir.Location.name("return"):
            ir.Operation.create("func.return", operands=list(values))
        kinds = ir.FunctionType.get([value.type for value in self.inputs], [value.type for value in values])
        self.function.attributes["function_type"] = ir.TypeAttr.get(kinds)
        assert self.module.operation.verify()
        return self.module
