// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// Both terms come to one step with 20 bits of headroom.
// CHECK-LABEL: func.func @two_terms
// CHECK: "npu.add"(%{{.*}}, %{{.*}}) {rescale = #npu.scale<{{{.*}}zp_out = -7
// CHECK-NOT: linalg.
func.func @two_terms(%arg0: tensor<1x2x4x4xf32>, %arg1: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.quantize"(%arg1) {hi = 127 : i64, lo = -128 : i64, scale = 0.015 : f64, zp = 3 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %3 = "npu.dequantize"(%2) {scale = 0.015 : f64, zp = 3 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %4 = tensor.empty() : tensor<1x2x4x4xf32>
  %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %3 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) outs(%4 : tensor<1x2x4x4xf32>) {
  ^bb0(%in: f32, %in_0: f32, %out: f32):
    %8 = arith.addf %in, %in_0 : f32
    linalg.yield %8 : f32
  } -> tensor<1x2x4x4xf32>
  %6 = "npu.quantize"(%5) {hi = 127 : i64, lo = -128 : i64, scale = 0.025 : f64, zp = -7 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %7 = "npu.dequantize"(%6) {scale = 0.025 : f64, zp = -7 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  return %7 : tensor<1x2x4x4xf32>
}

// -----

#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// A factor is part of a step: no op of its own.
// CHECK-LABEL: func.func @factor
// CHECK: "npu.add"
// CHECK-NOT: npu.mul
// CHECK-NOT: npu.table
func.func @factor(%arg0: tensor<1x2x4x4xf32>, %arg1: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %cst = arith.constant 2.000000e+00 : f32
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.quantize"(%arg1) {hi = 127 : i64, lo = -128 : i64, scale = 0.015 : f64, zp = 3 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %3 = "npu.dequantize"(%2) {scale = 0.015 : f64, zp = 3 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %4 = tensor.empty() : tensor<1x2x4x4xf32>
  %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %3 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) outs(%4 : tensor<1x2x4x4xf32>) {
  ^bb0(%in: f32, %in_0: f32, %out: f32):
    %8 = arith.mulf %in_0, %cst : f32
    %9 = arith.addf %in, %8 : f32
    linalg.yield %9 : f32
  } -> tensor<1x2x4x4xf32>
  %6 = "npu.quantize"(%5) {hi = 127 : i64, lo = -128 : i64, scale = 0.035 : f64, zp = -2 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %7 = "npu.dequantize"(%6) {scale = 0.035 : f64, zp = -2 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  return %7 : tensor<1x2x4x4xf32>
}

// -----

#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d2, d3)>

// An operand of lower rank gets extents of 1.
// CHECK-LABEL: func.func @repeated
// CHECK: "npu.reshape"
// CHECK: "npu.add"
func.func @repeated(%arg0: tensor<1x2x4x4xf32>, %arg1: tensor<4x4xf32>) -> tensor<1x2x4x4xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.quantize"(%arg1) {hi = 127 : i64, lo = -128 : i64, scale = 0.015 : f64, zp = -16 : i64} : (tensor<4x4xf32>) -> tensor<4x4xi8>
  %3 = "npu.dequantize"(%2) {scale = 0.015 : f64, zp = -16 : i64} : (tensor<4x4xi8>) -> tensor<4x4xf32>
  %4 = tensor.empty() : tensor<1x2x4x4xf32>
  %5 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %3 : tensor<1x2x4x4xf32>, tensor<4x4xf32>) outs(%4 : tensor<1x2x4x4xf32>) {
  ^bb0(%in: f32, %in_0: f32, %out: f32):
    %8 = arith.addf %in, %in_0 : f32
    linalg.yield %8 : f32
  } -> tensor<1x2x4x4xf32>
  %6 = "npu.quantize"(%5) {hi = 127 : i64, lo = -128 : i64, scale = 0.03 : f64, zp = -13 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %7 = "npu.dequantize"(%6) {scale = 0.03 : f64, zp = -13 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  return %7 : tensor<1x2x4x4xf32>
}
