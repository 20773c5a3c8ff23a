// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// As add; the second term is subtracted.
// CHECK-LABEL: func.func @two_terms
// CHECK: "npu.sub"(
// CHECK-NOT: linalg.
func.func @two_terms(%arg0: tensor<1x2x4x4xf32>, %arg1: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.quantize"(%arg1) {hi = 127 : i64, lo = -128 : i64, scale = 0.015 : f64, zp = 3 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %3 = "npu.dequantize"(%2) {scale = 0.015 : f64, zp = 3 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %4 = tensor.empty() : tensor<1x2x4x4xf32>
  %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %3 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) outs(%4 : tensor<1x2x4x4xf32>) {
  ^bb0(%in: f32, %in_0: f32, %out: f32):
    %8 = arith.subf %in, %in_0 : f32
    linalg.yield %8 : f32
  } -> tensor<1x2x4x4xf32>
  %6 = "npu.quantize"(%5) {hi = 127 : i64, lo = -128 : i64, scale = 0.022 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %7 = "npu.dequantize"(%6) {scale = 0.022 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  return %7 : tensor<1x2x4x4xf32>
}

// -----

#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, 0, 0)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// A constant is an operand like any other, and is quantized.
// CHECK-LABEL: func.func @constant_first
// CHECK: "npu.sub"(%{{.*}}, %{{.*}})
// CHECK-NOT: linalg.
func.func @constant_first(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %cst = arith.constant dense<[[[[127]], [[-128]]]]> : tensor<1x2x1x1xi8>
  %0 = "npu.dequantize"(%cst) {scale = 0.0078 : f64, zp = -64 : i64} : (tensor<1x2x1x1xi8>) -> tensor<1x2x1x1xf32>
  %1 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %2 = "npu.dequantize"(%1) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %3 = tensor.empty() : tensor<1x2x4x4xf32>
  %4 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%0, %2 : tensor<1x2x1x1xf32>, tensor<1x2x4x4xf32>) outs(%3 : tensor<1x2x4x4xf32>) {
  ^bb0(%in: f32, %in_0: f32, %out: f32):
    %7 = arith.subf %in, %in_0 : f32
    linalg.yield %7 : f32
  } -> tensor<1x2x4x4xf32>
  %5 = "npu.quantize"(%4) {hi = 127 : i64, lo = -128 : i64, scale = 0.024 : f64, zp = 5 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %6 = "npu.dequantize"(%5) {scale = 0.024 : f64, zp = 5 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  return %6 : tensor<1x2x4x4xf32>
}
