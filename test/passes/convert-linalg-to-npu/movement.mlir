// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// Reshapes and transposes are done on codes.
// CHECK-LABEL: func.func @shuffle
// CHECK: "npu.reshape"(%{{.*}}) : (tensor<1x4x2xi8>) -> tensor<1x2x2x2xi8>
// CHECK: "npu.transpose"(%{{.*}}) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: "npu.reshape"
// CHECK-NOT: npu.rescale
// CHECK-NOT: linalg.
func.func @shuffle(%arg0: tensor<1x4x2xf32>) -> tensor<1x4x2xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x4x2xf32>) -> tensor<1x4x2xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x4x2xi8>) -> tensor<1x4x2xf32>
  %expanded = tensor.expand_shape %1 [[0], [1, 2], [3]] output_shape [1, 2, 2, 2] : tensor<1x4x2xf32> into tensor<1x2x2x2xf32>
  %2 = "npu.quantize"(%expanded) {hi = 127 : i64, lo = -128 : i64, scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xi8>
  %3 = "npu.dequantize"(%2) {scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x2x2xi8>) -> tensor<1x2x2x2xf32>
  %4 = tensor.empty() : tensor<1x2x2x2xf32>
  %transposed = linalg.transpose ins(%3 : tensor<1x2x2x2xf32>) outs(%4 : tensor<1x2x2x2xf32>) permutation = [0, 2, 1, 3]
  %5 = "npu.quantize"(%transposed) {hi = 127 : i64, lo = -128 : i64, scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xi8>
  %6 = "npu.dequantize"(%5) {scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x2x2xi8>) -> tensor<1x2x2x2xf32>
  %collapsed = tensor.collapse_shape %6 [[0], [1, 2], [3]] : tensor<1x2x2x2xf32> into tensor<1x4x2xf32>
  %7 = "npu.quantize"(%collapsed) {hi = 127 : i64, lo = -128 : i64, scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x4x2xf32>) -> tensor<1x4x2xi8>
  %8 = "npu.dequantize"(%7) {scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x4x2xi8>) -> tensor<1x4x2xf32>
  return %8 : tensor<1x4x2xf32>
}

// -----

// A slice; what it drops is a reshape.
// CHECK-LABEL: func.func @part
// CHECK: "npu.slice"(%{{.*}}) {sizes = array<i64: 1, 1, 4, 4>, starts = array<i64: 0, 1, 0, 0>
// CHECK: "npu.reshape"
func.func @part(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x4x4xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %extracted_slice = tensor.extract_slice %1[0, 1, 0, 0] [1, 1, 4, 4] [1, 1, 1, 1] : tensor<1x2x4x4xf32> to tensor<1x1x4x4xf32>
  %collapsed = tensor.collapse_shape %extracted_slice [[0, 1], [2], [3]] : tensor<1x1x4x4xf32> into tensor<1x4x4xf32>
  %2 = "npu.quantize"(%collapsed) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x4x4xf32>) -> tensor<1x4x4xi8>
  %3 = "npu.dequantize"(%2) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x4x4xi8>) -> tensor<1x4x4xf32>
  return %3 : tensor<1x4x4xf32>
}

// -----

// The code of 0.5; less than nothing is cut off.
// CHECK-LABEL: func.func @border
// CHECK: "npu.slice"(%{{.*}}) {sizes = array<i64: 1, 2, 4, 3>
// CHECK: "npu.pad"(%{{.*}}) {pads = array<i64: 0, 0, 0, 0, 1, 0, 0, 2>
func.func @border(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x5x5xf32> {
  %cst = arith.constant 5.000000e-01 : f32
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %padded = tensor.pad %1 low[0, 0, 1, -1] high[0, 0, 0, 2] {
  ^bb0(%arg1: index, %arg2: index, %arg3: index, %arg4: index):
    tensor.yield %cst : f32
  } : tensor<1x2x4x4xf32> to tensor<1x2x5x5xf32>
  %2 = "npu.quantize"(%padded) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x5x5xf32>) -> tensor<1x2x5x5xi8>
  %3 = "npu.dequantize"(%2) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x5x5xi8>) -> tensor<1x2x5x5xf32>
  return %3 : tensor<1x2x5x5xf32>
}

// -----

#map = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// A broadcast of an activation is its copies side by side.
// CHECK-LABEL: func.func @repeated
// CHECK: "npu.concat"(%[[X:.*]], %[[X]], %[[X]]) {axis = 1 : i64,
// CHECK-NOT: linalg.
func.func @repeated(%arg0: tensor<1x1x2x2xf32>) -> tensor<1x3x2x2xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.0099 : f64, zp = -6 : i64} : (tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.0099 : f64, zp = -6 : i64} : (tensor<1x1x2x2xi8>) -> tensor<1x1x2x2xf32>
  %2 = tensor.empty() : tensor<1x3x2x2xf32>
  %collapsed = tensor.collapse_shape %1 [[0, 1], [2], [3]] : tensor<1x1x2x2xf32> into tensor<1x2x2xf32>
  %3 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%collapsed : tensor<1x2x2xf32>) outs(%2 : tensor<1x3x2x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<1x3x2x2xf32>
  %4 = "npu.quantize"(%3) {hi = 127 : i64, lo = -128 : i64, scale = 0.0099 : f64, zp = -6 : i64} : (tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xi8>
  %5 = "npu.dequantize"(%4) {scale = 0.0099 : f64, zp = -6 : i64} : (tensor<1x3x2x2xi8>) -> tensor<1x3x2x2xf32>
  return %5 : tensor<1x3x2x2xf32>
}

// -----

// What is in float between a function and its quantize: the quantize moves in front of it.
// CHECK-LABEL: func.func @in_float
// CHECK: %[[T:.*]] = "npu.table"(%arg0, %{{.*}}) : (tensor<2x3xi8>, tensor<256xi8>) -> tensor<2x3xi8>
// CHECK: "npu.reshape"(%[[T]]) : (tensor<2x3xi8>) -> tensor<6xi8>
// CHECK-NOT: tensor.collapse_shape
func.func @in_float(%arg0: tensor<2x3xi8>) -> tensor<6xi8> {
  %0 = "npu.dequantize"(%arg0) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<2x3xi8>) -> tensor<2x3xf32>
  %1 = "npu.float_op"(%0) {kind = "tanh", params = {}} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = tensor.collapse_shape %1 [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 0.0078125 : f64, zp = 0 : i64} : (tensor<6xf32>) -> tensor<6xi8>
  return %3 : tensor<6xi8>
}

// -----

// Other types than i8, and TFLite's rule of quantizing, are not PyTorch's real numbers: they stay what they are.
// CHECK-LABEL: func.func @left_alone
// CHECK: "npu.dequantize"(%arg0)
// CHECK: "npu.quantize"
// CHECK: "npu.dequantize"(%arg1)
// CHECK: "npu.quantize"{{.*}}tensor<4xi16>
// CHECK: "npu.dequantize"(%arg1)
// CHECK: "npu.quantize"{{.*}}division = true
func.func @left_alone(%wide: tensor<4xi32>, %x: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi16>, tensor<4xi8>) {
  %0 = "npu.dequantize"(%wide) {scale = 0.25 : f64, zp = 0 : i64} : (tensor<4xi32>) -> tensor<4xf32>
  %1 = "npu.quantize"(%0) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xf32>) -> tensor<4xi8>
  %2 = "npu.dequantize"(%x) {scale = 0.25 : f64, zp = 0 : i64} : (tensor<4xi8>) -> tensor<4xf32>
  %3 = "npu.quantize"(%2) {hi = 32767 : i64, lo = -32768 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xf32>) -> tensor<4xi16>
  %4 = "npu.dequantize"(%x) {scale = 0.25 : f64, zp = 0 : i64} : (tensor<4xi8>) -> tensor<4xf32>
  %5 = "npu.quantize"(%4) {division = true, hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xf32>) -> tensor<4xi8>
  return %1, %3, %5 : tensor<4xi8>, tensor<4xi16>, tensor<4xi8>
}
