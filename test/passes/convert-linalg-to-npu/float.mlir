// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// What has no integer form is computed in floating point, one op of the host for each scalar op.
// CHECK-LABEL: func.func @divided
// CHECK: "npu.float_unary"{{.*}}kind = "exp"
// CHECK: "npu.float_binary"{{.*}}kind = "div"
// CHECK: "npu.quantize"
#map = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
func.func @divided(%arg0: tensor<2x4xi8>, %arg1: tensor<4xi8>) -> tensor<2x4xi8> {
  %a = "npu.dequantize"(%arg0) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<2x4xi8>) -> tensor<2x4xf32>
  %b = "npu.dequantize"(%arg1) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xi8>) -> tensor<4xf32>
  %empty = tensor.empty() : tensor<2x4xf32>
  %0 = linalg.generic {indexing_maps = [#map, #row, #map], iterator_types = ["parallel", "parallel"]} ins(%a, %b : tensor<2x4xf32>, tensor<4xf32>) outs(%empty : tensor<2x4xf32>) {
  ^bb0(%in: f32, %in_0: f32, %out: f32):
    %1 = math.exp %in_0 : f32
    %2 = arith.divf %in, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<2x4xf32>
  %3 = "npu.quantize"(%0) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<2x4xf32>) -> tensor<2x4xi8>
  return %3 : tensor<2x4xi8>
}

// -----

// A reduction: what is added up first, then the sum; the start value of a sum is no op.
// CHECK-LABEL: func.func @squares
// CHECK: %[[SQUARE:.*]] = "npu.float_binary"(%arg0, %arg0) {kind = "mul"}
// CHECK: %[[SUM:.*]] = "npu.float_reduce"(%[[SQUARE]]) {axes = array<i64: 1>, kind = "sum"}
// CHECK: "npu.reshape"(%[[SUM]])
#whole = affine_map<(d0, d1) -> (d0, d1)>
#first = affine_map<(d0, d1) -> (d0)>
func.func @squares(%x: tensor<2x4xf32>) -> tensor<2xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<2xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<2xf32>) -> tensor<2xf32>
  %0 = linalg.generic {indexing_maps = [#whole, #first], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<2x4xf32>) outs(%start : tensor<2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %1 = arith.mulf %in, %in : f32
    %2 = arith.addf %1, %out : f32
    linalg.yield %2 : f32
  } -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// Elements that are read by numbers known beforehand.
// CHECK-LABEL: func.func @reversed
// CHECK: "npu.constant"() {value = dense<[3, 2, 1, 0]> : tensor<4xi32>}
// CHECK: "npu.gather"
#line = affine_map<(d0) -> (d0)>
func.func @reversed(%x: tensor<4xf32>) -> tensor<4xf32> {
  %three = arith.constant 3 : index
  %empty = tensor.empty() : tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#line], iterator_types = ["parallel"]} outs(%empty : tensor<4xf32>) {
  ^bb0(%out: f32):
    %1 = linalg.index 0 : index
    %2 = arith.subi %three, %1 : index
    %3 = tensor.extract %x[%2] : tensor<4xf32>
    linalg.yield %3 : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
