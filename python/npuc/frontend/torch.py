# SPDX-License-Identifier: Apache-2.0
"""PyTorch's front door: a quantized `ExportedProgram` becomes linalg with marked npu ops, in a context of ours.

    ExportedProgram ─ decompose ─▶ core ATen, composites whole ─ import_program ─▶ torch dialect
                    ─ mark ─▶ torch + npu.quantize, npu.dequantize, npu.float_op ─ lower_to_linalg ─▶ linalg + npu

What must stay recognisable is marked while it still is one torch op; torch-mlir lowers the rest to linalg.
Importing this module imports torch.

The marked ops, all on builtin tensors:
  npu.quantize             f32 -> i8   scale, zp, lo, hi
  npu.dequantize           i8 -> f32   scale, zp
  npu.dequantize_channels  i8 -> f32   weights: axis, scales, zps
  npu.float_op             f32 -> f32  `kind` names the function, `params` its constant arguments, as in PyTorch

Codes are always signed: those of a program quantized to uint8 are shifted by 128, zero points and bounds with them.
"""

import logging
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind
from torch.utils._mode_utils import no_dispatch
from torch_mlir._mlir_libs._torchMlir import register_dialect
from torch_mlir.extras.fx_decomp_util import get_decomposition_table
from torch_mlir.extras.fx_importer import TORCH_DTYPE_TO_MLIR_TYPE, ContextCache, FxImporter, FxImporterHooks
from torch_mlir.ir import Context, DenseElementsAttr, Location, MLIRError, Module, Operation, ShapedType, Type, Value
from torch_mlir.passmanager import PassManager
from torch_mlir.rewrite import RewritePatternSet, apply_patterns_and_fold_greedily

from npuc import dialects
from npuc.dialects.attrs import to_attr
from npuc.errors import ImportFailed, UnsupportedOp
from npuc.frontend._torch_rewrites import rewrite_program

log = logging.getLogger("npuc")

# the layer name that quantization left on each fx node (npuc.quantize.names)
_STAMP = "npuc.layer"

# fx ops that are not decomposed (plain names, all overloads): what is marked, and what torch-mlir lowers well whole
KEEP = frozenset({
    "softmax", "_softmax", "log_softmax", "_log_softmax", "gelu", "silu", "sigmoid", "tanh", "hardswish", "hardsigmoid",
    "mish", "elu", "selu", "celu", "leaky_relu", "softplus", "prelu", "relu", "relu6", "hardtanh", "clamp",
    "layer_norm", "native_layer_norm", "batch_norm", "linear", "addmm", "matmul", "conv2d", "conv_transpose1d", "conv_transpose2d",
    "avg_pool2d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d", "mean", "upsample_nearest2d", "pixel_shuffle",
    "scaled_dot_product_attention", "square", "log_sigmoid", "hardshrink", "softshrink", "sum", "amax", "argmax", "conv1d", "max_pool1d",
    "avg_pool1d", "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d",
})  # fmt: skip

# torch-mlir's own list, without torch-fuse-quantized-ops (leaves per-channel convolutions in float) and without the
# contract check (it refuses npu ops)
_TO_LINALG = (
    "builtin.module(func.func(torch-decompose-complex-ops,torch-restructure-non-constant-axes,convert-torch-to-tmtensor,"
    "canonicalize,convert-torch-to-linalg,canonicalize,convert-torch-to-scf,convert-torch-to-arith,convert-torch-to-tensor),"
    "convert-torch-conversion-to-mlprogram,func.func(memref-expand,canonicalize,resolve-shaped-type-result-dims,cse),"
    "torch-func-backend-type-conversion,func.func(canonicalize),func.func(torch-finalizing-backend-type-conversion))"
)


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and torch dtype (`float32`) of one input or output."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Signature:
    """What a call of the module takes and gives. `out_spec` puts flat outputs back into the module's own structure."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    out_spec: Any


def signature(program: ExportedProgram) -> Signature:
    """The user's inputs and outputs, in order. Raises `ImportFailed` for anything but tensors of known shape."""
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    inputs = [s.arg for s in program.graph_signature.input_specs if s.kind == InputKind.USER_INPUT]
    outputs = [s.arg for s in program.graph_signature.output_specs if s.kind == OutputKind.USER_OUTPUT]
    mutated = [s.target or s.arg.name for s in program.graph_signature.output_specs if s.kind != OutputKind.USER_OUTPUT]
    if mutated:
        advice = "export it in eval mode"
        raise ImportFailed("the network changes its own state", found=mutated, wanted="a pure function of its inputs", advice=advice)
    return Signature(
        tuple(_tensor_spec(arg, values, "input") for arg in inputs),
        tuple(_tensor_spec(arg, values, "output") for arg in outputs),
        program.call_spec.out_spec,
    )


def _tensor_spec(arg, values: dict, role: str) -> TensorSpec:
    value = None if isinstance(arg, ConstantArgument) else values.get(arg.name)
    if not isinstance(value, torch.Tensor):
        advice = "wrap the module so that it takes and gives tensors"
        raise ImportFailed(f"an {role} is no tensor", found=arg.name, wanted="tensors only", advice=advice)
    if not all(isinstance(extent, int) for extent in value.shape):
        found, advice = tuple(map(str, value.shape)), "export without dynamic_shapes"
        raise ImportFailed(f"{role} {arg.name} has a dynamic shape", found=found, wanted="fixed extents", advice=advice)
    return TensorSpec(arg.name, tuple(value.shape), str(value.dtype).removeprefix("torch."))


def import_torch(program: ExportedProgram, context: Context | None = None, *, stage: Callable[[str, float], None] | None = None) -> Module:
    """The whole front half: a quantized program becomes one function `main` of linalg and marked npu ops.

    Args:
        program: quantized by PT2E; float ops may remain and stay float.
        context: where the module lives; ours is made when none is given. The `npu` dialect is loaded where known.
        stage: called with (name, seconds) after each step.

    Every op carries the model's layer name as its location. Raises `ImportFailed` or `UnsupportedOp`.
    """
    context = context or Context()
    tell = stage or (lambda name, seconds: None)
    start = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal start
        now = time.perf_counter()
        log.debug("%s: %.2f s", name, now - start)
        tell(name, now - start)
        start = now

    program = decompose(program)
    lap("decompose")
    module = import_program(program, context)
    lap("import")
    mark(module)
    lap("mark")
    lower_to_linalg(module)
    lap("linalg")
    return module


def decompose(program: ExportedProgram) -> ExportedProgram:
    """Functional, core ATen, except for the ops of `KEEP`, which stay whole."""
    table = {op: rule for op, rule in get_decomposition_table().items() if _plain_name(op) not in KEEP}
    with torch.no_grad(), warnings.catch_warnings():
        # torch warns about its own internals here
        warnings.simplefilter("ignore")
        return rewrite_program(program.run_decompositions(table))


def _plain_name(op) -> str:
    return op._schema.name.split("::")[-1]


class _DenseLiterals(FxImporterHooks):
    """Hands weights to MLIR as one buffer. The importer's default walks a Python list: 40 s for ResNet50.

    DenseElementsAttr, not DenseResourceElementsAttr: the latter cannot be read back from Python.
    """

    def __init__(self):
        self._made: dict[int, tuple[DenseElementsAttr, torch.Tensor]] = {}

    def resolve_literal(self, gni, literal, info):
        if not isinstance(literal, torch.Tensor) or literal.numel() <= 1:
            return None
        key = id(literal)
        if key not in self._made:
            with no_dispatch():
                array = literal.detach().contiguous().numpy()
            element = TORCH_DTYPE_TO_MLIR_TYPE[literal.dtype]()
            # keep the tensor alive: the key is its id
            self._made[key] = (DenseElementsAttr.get(array, type=element, shape=array.shape), literal)
        value_type = gni._cc.tensor_to_vtensor_type(literal)
        return Operation.create("torch.vtensor.literal", results=[value_type], attributes={"value": self._made[key][0]}).result


class _LayerLocations(ContextCache):
    """Locations are the model's layer names, ATen's name of the op inside; the importer's are file names of the machine that compiled."""

    def get_node_location(self, node):
        name = node.meta.get("custom", {}).get(_STAMP) or node.name
        inside = Location.name(_aten_name(node), context=self._c) if node.op == "call_function" else None
        return Location.name(name, inside, context=self._c)


def _aten_name(node) -> str:
    """The op before decomposition: `aten.group_norm.default`."""
    history = node.meta.get("from_node")
    return str(history[-1].target if history else node.target)


def prepare_context(context: Context) -> None:
    """Register the torch dialects and load `torch_c`, which has no registration of its own."""
    register_dialect(context)
    with context, Location.unknown():
        PassManager.parse("builtin.module(torch-func-backend-type-conversion)").run(Module.create().operation)
    dialects.load(context)


def import_program(program: ExportedProgram, context: Context) -> Module:
    """Import a decomposed program into the torch dialect of `context` as `func.func @main`."""
    signature(program)
    prepare_context(context)
    for spec in program.graph_signature.input_specs:
        # buffers that are not persistent stand with the constants alone, where the importer does not look
        if spec.kind == InputKind.BUFFER and spec.target not in program.state_dict and spec.target in program.constants:
            program.state_dict[spec.target] = program.constants[spec.target]
    importer = FxImporter(context=context, hooks=_DenseLiterals())
    importer._cc = _LayerLocations(context, py_attr_tracker=importer._py_attr_tracker)
    try:
        importer.import_frozen_program(program, func_name="main")
    except Exception as error:  # the importer raises NotImplementedError, KeyError, ValueError, … for what it lacks
        raise ImportFailed("torch-mlir could not import the exported program", rule=str(error).strip().split("\n")[0]) from error
    return importer.module


@dataclass(frozen=True)
class Mark:
    """How a torch op becomes `npu.float_op`: its kind, which operands are parameters, and parameters it implies."""

    kind: str
    operands: dict[str, int]
    implied: dict[str, float]


def _mark(kind: str, implied: dict[str, float] | None = None, **operands: int) -> Mark:
    return Mark(kind, operands, implied or {})


_UNARY = (
    "sigmoid", "tanh", "silu", "hardswish", "hardsigmoid", "mish", "exp", "expm1", "erf", "sin", "cos", "abs", "neg",
    "sqrt", "square", "log_sigmoid", "reciprocal", "rsqrt", "log", "floor", "ceil",
)  # fmt: skip

_REAL = frozenset({"alpha", "scale", "input_scale", "negative_slope", "beta", "threshold", "lambd", "value", "min", "max"})

# torch op -> mark; numbers are operand positions
MARKS: dict[str, Mark] = {
    **{f"aten.{name}": _mark(name) for name in _UNARY},
    "aten.gelu": _mark("gelu", approximate=1),
    "aten.elu": _mark("elu", alpha=1, scale=2, input_scale=3),
    "aten.leaky_relu": _mark("leaky_relu", negative_slope=1),
    "aten.softplus": _mark("softplus", beta=1, threshold=2),
    "aten.selu": _mark("selu"),
    "aten.celu": _mark("celu", alpha=1),
    "aten.hardshrink": _mark("hardshrink", lambd=1),
    "aten.softshrink": _mark("softshrink", lambd=1),
    # x + value * alpha, x - value * alpha, value - x * alpha
    "aten.add.Scalar": _mark("add_scalar", value=1, alpha=2),
    "aten.sub.Scalar": _mark("sub_scalar", value=1, alpha=2),
    "aten.rsub.Scalar": _mark("rsub_scalar", value=1, alpha=2),
    "aten.mul.Scalar": _mark("mul_scalar", value=1),
    "aten.div.Scalar": _mark("div_scalar", value=1),
    "aten.pow.Tensor_Scalar": _mark("pow_scalar", value=1),
    "aten.relu": _mark("clamp", {"min": 0.0, "max": math.inf}),
    "aten.relu6": _mark("clamp", {"min": 0.0, "max": 6.0}),
    "aten.hardtanh": _mark("clamp", min=1, max=2),
    "aten.clamp": _mark("clamp", min=1, max=2),
    "aten.clamp_min": _mark("clamp", {"max": math.inf}, min=1),
    "aten.clamp_max": _mark("clamp", {"min": -math.inf}, max=1),
    "aten.softmax.int": _mark("softmax", axis=1),
    "aten._softmax": _mark("softmax", axis=1),
    "aten.log_softmax.int": _mark("log_softmax", axis=1),
    "aten._log_softmax": _mark("log_softmax", axis=1),
    "aten.mean": _mark("mean"),
    "aten.mean.dim": _mark("mean", axes=1, keepdim=2),
    "aten.amax": _mark("amax", axes=1, keepdim=2),
    "aten.sum.dim_IntList": _mark("sum", axes=1, keepdim=2),
    "aten.avg_pool2d": _mark("avg_pool2d", kernel=1, strides=2, padding=3, ceil_mode=4, count_include_pad=5, divisor=6),
    "aten.adaptive_avg_pool2d": _mark("adaptive_avg_pool2d", output_size=1),
    "aten._adaptive_avg_pool2d": _mark("adaptive_avg_pool2d", output_size=1),
    "aten.upsample_nearest2d": _mark("resize_nearest"),
    "aten.upsample_nearest2d.vec": _mark("resize_nearest"),
}

_QUANTIZE = "torch.quantized_decomposed.quantize_per_tensor"
_DEQUANTIZE = "torch.quantized_decomposed.dequantize_per_tensor"
_ARGMAX = "torch.aten.argmax"
_PRELU = "torch.aten.prelu"
_DEQUANTIZE_CHANNELS = "torch.quantized_decomposed.dequantize_per_channel"


def mark(module: Module) -> None:
    """Bring the imported module to torch-mlir's backend form and replace what must stay recognisable by npu ops."""
    legal = ",".join((*MARKS, *(name.removeprefix("torch.") for name in (_ARGMAX, _PRELU))))
    _run(
        module,
        "builtin.module(func.func(torch-match-quantized-custom-ops),"
        f"torchdynamo-export-to-torch-backend-pipeline{{backend-legal-ops={legal}}})",
    )
    with module.context, Location.unknown():
        patterns = RewritePatternSet()
        patterns.add(_QUANTIZE, _mark_quantize)
        patterns.add(_DEQUANTIZE, _mark_dequantize)
        patterns.add(_DEQUANTIZE_CHANNELS, _mark_dequantize_channels)
        patterns.add(_ARGMAX, _mark_argmax)
        patterns.add(_PRELU, _mark_prelu)
        for name in MARKS:
            patterns.add(f"torch.{name}", _mark_float_op)
        apply_patterns_and_fold_greedily(module, patterns.freeze())


def lower_to_linalg(module: Module) -> None:
    """torch-mlir's own lowering of everything that is not marked; torch and torch_c are gone afterwards."""
    _run(module, _TO_LINALG)


def _run(module: Module, pipeline: str) -> None:
    try:
        with module.context, Location.unknown():
            PassManager.parse(pipeline).run(module.operation)
    except MLIRError as error:
        first = error.error_diagnostics[0] if error.error_diagnostics else None
        layer = _location_name(first.location) if first else ""
        message = first.message if first else str(error).split("\n")[0]
        raise UnsupportedOp(
            f"layer '{layer}' cannot be lowered" if layer else "an op cannot be lowered", layer=layer, rule="torch-mlir lowers every op to linalg",
            found=message.partition(": %")[0], wanted="an op that torch-mlir knows, of static shape",
            advice="replace the layer by supported ones (`npuc ops` lists them)",
        ) from error  # fmt: skip


def _location_name(location: Location) -> str:
    text = str(location)
    return text.split('"')[1] if '"' in text else ""


def _mark_quantize(op, rewriter) -> None:
    operation = op.operation
    x, scale, zero_point, low, high = (operation.operands[0], *map(_number, list(operation.operands)[1:5]))
    result_type = operation.results[0].type
    shift = _code_shift(result_type)
    with rewriter.ip, operation.location:
        value = _to_builtin(x)
        attributes = {"scale": float(scale), "zp": zero_point - shift, "lo": low - shift, "hi": high - shift}
        value = _create("npu.quantize", value, _builtin(result_type), attributes)
        result = _from_builtin(value, result_type)
    rewriter.replace_op(operation, [result])


def _mark_dequantize(op, rewriter) -> None:
    operation = op.operation
    x, scale, zero_point = (operation.operands[0], *map(_number, list(operation.operands)[1:3]))
    shift = _code_shift(x.type)
    attributes = {"scale": float(scale), "zp": zero_point - shift}
    _dequantize(operation, rewriter, "npu.dequantize", attributes, shift)


def _mark_dequantize_channels(op, rewriter) -> None:
    operation = op.operation
    x, scales, zero_points, axis = list(operation.operands)[:4]
    shift = _code_shift(x.type)
    attributes = {
        "axis": _number(axis),
        "scales": [float(scale) for scale in _literal(scales)],
        "zps": tuple(int(zero_point) - shift for zero_point in _literal(zero_points)),
    }
    _dequantize(operation, rewriter, "npu.dequantize_channels", attributes, shift)


def _dequantize(operation: Operation, rewriter, name: str, attributes: dict, shift: int) -> None:
    x, result_type = operation.operands[0], operation.results[0].type
    with rewriter.ip, operation.location:
        value = _shifted_constant(x, shift) if shift and _is_literal(x) else _to_builtin(x)
        result = _from_builtin(_create(name, value, _builtin(result_type), attributes), result_type)
    rewriter.replace_op(operation, [result])


def _code_shift(vtensor: Type) -> int:
    """What is taken off each code: 128 for uint8, nothing for int8.

    Raises:
        UnsupportedOp: codes of another type.
    """
    element = str(vtensor).rpartition(",")[2].removesuffix(">")
    if element not in ("si8", "ui8"):
        raise UnsupportedOp("quantized codes have an unknown type", found=element, wanted="int8 or uint8")
    return 128 if element == "ui8" else 0


def _shifted_constant(value: Value, shift: int) -> Value:
    codes = np.asarray(_literal_attribute(value)).astype(np.int16) - shift
    attribute = DenseElementsAttr.get(np.ascontiguousarray(codes.astype(np.int8)))
    return Operation.create("arith.constant", results=[_builtin(value.type)], attributes={"value": attribute}).result


def _mark_float_op(op, rewriter) -> bool | None:
    operation = op.operation
    rule = MARKS[operation.name.removeprefix("torch.")]
    if not str(operation.results[0].type).endswith("f32>"):
        return True
    operands = list(operation.operands)
    params = dict(rule.implied)
    for name, position in rule.operands.items():
        value = _constant(operands[position])
        if value is _UNKNOWN:
            return True
        if value is None and rule.kind == "clamp":
            value = -math.inf if name == "min" else math.inf
        if value is not None:
            # PyTorch takes an integer wherever a real number is meant
            params[name] = float(value) if name in _REAL and isinstance(value, int) else value
    kind = rule.kind
    if kind == "gelu" and params.pop("approximate", "none") == "tanh":
        kind = "gelu_tanh"
    result_type = operation.results[0].type
    with rewriter.ip, operation.location:
        attributes = {"kind": kind, "params": dict(sorted(params.items()))}
        value = _create("npu.float_op", _to_builtin(operands[0]), _builtin(result_type), attributes)
        result = _from_builtin(value, result_type)
    rewriter.replace_op(operation, [result])
    return None


def _mark_argmax(op, rewriter) -> bool | None:
    """With a dimension it is an op of npuc; over all elements torch-mlir flattens first."""
    operation = op.operation
    x, axis, keepdims = operation.operands[0], _constant(operation.operands[1]), _constant(operation.operands[2])
    if not isinstance(axis, int) or not isinstance(keepdims, bool | int) or not str(x.type).endswith("f32>"):
        return True
    result_type = operation.results[0].type
    with rewriter.ip, operation.location:
        source = _to_builtin(x)
        attributes = {"axis": axis % ShapedType(source.type).rank, "keepdims": bool(keepdims)}
        result = _from_builtin(_create("npu.argmax", source, _builtin(result_type), attributes), result_type)
    rewriter.replace_op(operation, [result])
    return None


def _mark_prelu(op, rewriter) -> bool | None:
    """Its slopes are a constant tensor, not numbers: one for all channels is a leaky ReLU."""
    operation = op.operation
    x, weight = operation.operands
    result_type = operation.results[0].type
    if not _is_literal(weight) or not str(result_type).endswith("f32>"):
        return True
    slopes = [float(slope) for slope in _literal(weight)]
    alike = len(set(slopes)) == 1
    attributes = (
        {"kind": "leaky_relu", "params": {"negative_slope": slopes[0]}} if alike else {"kind": "prelu", "params": {"slopes": slopes}}
    )
    with rewriter.ip, operation.location:
        result = _from_builtin(_create("npu.float_op", _to_builtin(x), _builtin(result_type), attributes), result_type)
    rewriter.replace_op(operation, [result])
    return None


def _create(name: str, operand: Value, result_type: Type, attributes: dict) -> Value:
    attributes = {key: to_attr(value) for key, value in attributes.items()}
    return Operation.create(name, results=[result_type], operands=[operand], attributes=attributes).result


def _to_builtin(value: Value) -> Value:
    """A cast from torch's tensor type; `lower_to_linalg` takes it away."""
    return Operation.create("torch_c.to_builtin_tensor", results=[_builtin(value.type)], operands=[value]).result


def _from_builtin(value: Value, vtensor: Type) -> Value:
    return Operation.create("torch_c.from_builtin_tensor", results=[vtensor], operands=[value]).result


_UNKNOWN = object()


def _constant(value: Value):
    """The Python value behind an operand: number, string, None or list of them; `_UNKNOWN` where it is computed."""
    owner = value.owner
    if not hasattr(owner, "name") and not hasattr(owner, "operation"):
        return _UNKNOWN
    op = getattr(owner, "operation", owner)
    if op.name == "torch.constant.none":
        return None
    if op.name.startswith("torch.constant."):
        return op.attributes["value"].value
    if op.name == "torch.prim.ListConstruct":
        items = [_constant(item) for item in op.operands]
        return _UNKNOWN if any(item is _UNKNOWN for item in items) else items
    return _UNKNOWN


def _number(value: Value) -> Any:
    """A constant number.

    Raises:
        UnsupportedOp: the number is computed, as dynamic quantization does.
    """
    number = _constant(value)
    if not isinstance(number, (int, float)):
        raise UnsupportedOp("quantization parameters must be constants", found=str(value.type), wanted="static quantization")
    return number


def _is_literal(value: Value) -> bool:
    return getattr(getattr(value.owner, "operation", value.owner), "name", "") == "torch.vtensor.literal"


def _literal_attribute(value: Value) -> DenseElementsAttr:
    """The constant behind a tensor operand."""
    if not _is_literal(value):
        raise UnsupportedOp("quantization parameters must be constants", found=str(value.type), wanted="a constant tensor")
    return getattr(value.owner, "operation", value.owner).attributes["value"]


def _literal(value: Value) -> list:
    return list(_literal_attribute(value))


def _builtin(vtensor: Type) -> Type:
    """`!torch.vtensor<[1,3],si8>` as `tensor<1x3xi8>`: signed and plain integers are one in builtin types."""
    shape, _, element = str(vtensor).removeprefix("!torch.vtensor<[").removesuffix(">").partition("],")
    element = element.replace("ui", "i").replace("si", "i")
    extents = "".join(f"{extent}x" for extent in shape.split(",") if extent)
    return Type.parse(f"tensor<{extents}{element}>")
