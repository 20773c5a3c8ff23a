// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// 256 entries.
// CHECK-LABEL: func.func @sigmoid
// CHECK: %[[T:.*]] = "npu.constant"() {value = dense<{{.*}}> : tensor<256xi8>}
// CHECK: "npu.table"(%{{.*}}, %[[T]])
// CHECK-NOT: npu.float_op
func.func @sigmoid(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.float_op"(%1) {kind = "sigmoid", params = {}} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 3.906250e-03 : f64, zp = -128 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %4 = "npu.dequantize"(%3) {scale = 3.906250e-03 : f64, zp = -128 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  return %4 : tensor<1x2x4x4xf32>
}

// -----

#map = affine_map<(d0, d1, d2, d3) -> ()>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// A linalg.generic of one activation and a number.
// CHECK-LABEL: func.func @number_minus_x
// CHECK: "npu.table"
// CHECK-NOT: linalg.
func.func @number_minus_x(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %cst = arith.constant dense<1> : tensor<i64>
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = tensor.empty() : tensor<1x2x4x4xf32>
  %3 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst, %1 : tensor<i64>, tensor<1x2x4x4xf32>) outs(%2 : tensor<1x2x4x4xf32>) {
  ^bb0(%in: i64, %in_0: f32, %out: f32):
    %6 = arith.sitofp %in : i64 to f32
    %7 = arith.subf %6, %in_0 : f32
    linalg.yield %7 : f32
  } -> tensor<1x2x4x4xf32>
  %4 = "npu.quantize"(%3) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -33 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %5 = "npu.dequantize"(%4) {scale = 0.019 : f64, zp = -33 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  return %5 : tensor<1x2x4x4xf32>
}

// -----

// A function that keeps codes, or cuts them off, is a clamp: it fuses where a table does not.
// CHECK-LABEL: func.func @clamp
// CHECK: "npu.clamp"(%arg0) {hi = 12 : i64, lo = 0 : i64}
// CHECK-NOT: npu.table
func.func @clamp(%arg0: tensor<4xi8>) -> tensor<4xi8> {
  %0 = "npu.dequantize"(%arg0) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xi8>) -> tensor<4xf32>
  %1 = "npu.float_op"(%0) {kind = "clamp", params = {max = 6.0 : f64, min = 0.0 : f64}} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = "npu.quantize"(%1) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xf32>) -> tensor<4xi8>
  return %2 : tensor<4xi8>
}

// -----

// Float ops one after another are one table. Code 2 is 1.0: |1.0 * -3| = 3.0 is code 6.
// CHECK-LABEL: func.func @chain
// CHECK: dense<"0x
// CHECK: "npu.table"
// CHECK-NOT: npu.table
func.func @chain(%arg0: tensor<4xi8>) -> tensor<4xi8> {
  %0 = "npu.dequantize"(%arg0) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xi8>) -> tensor<4xf32>
  %1 = "npu.float_op"(%0) {kind = "mul_scalar", params = {value = -3.0 : f64}} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = "npu.float_op"(%1) {kind = "abs", params = {}} : (tensor<4xf32>) -> tensor<4xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xf32>) -> tensor<4xi8>
  return %3 : tensor<4xi8>
}
