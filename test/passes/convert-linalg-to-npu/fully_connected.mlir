// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d1)>

// The transpose of the weights is undone, the bias joins the accumulator.
// CHECK-LABEL: func.func @bias
// CHECK: %[[X:.*]] = "npu.quantize"
// CHECK: "npu.fully_connected"(%[[X]], %{{.*}}, %{{.*}}) {{.*}} : (tensor<2x3xi8>, tensor<4x3xi8>, tensor<4xi32>) -> tensor<2x4xi8>
// CHECK-NOT: linalg.
func.func @bias(%arg0: tensor<2x3xf32>) -> tensor<2x4xf32> {
  %cst = arith.constant dense<[[127, 51, 12], [127, -92, -34], [-127, 32, -86], [-80, -127, -8]]> : tensor<4x3xi8>
  %cst_0 = arith.constant 0.000000e+00 : f32
  %cst_1 = arith.constant dense<[-0.2, -0.97, 0.42, 0.27]> : tensor<4xf32>
  %0 = "npu.dequantize_channels"(%cst) {axis = 0 : i64, scales = [0.0052, 0.0049, 0.012, 0.007], zps = array<i64: 0, 0, 0, 0>} : (tensor<4x3xi8>) -> tensor<4x3xf32>
  %1 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.01 : f64, zp = 0 : i64} : (tensor<2x3xf32>) -> tensor<2x3xi8>
  %2 = "npu.dequantize"(%1) {scale = 0.01 : f64, zp = 0 : i64} : (tensor<2x3xi8>) -> tensor<2x3xf32>
  %3 = tensor.empty() : tensor<3x4xf32>
  %transposed = linalg.transpose ins(%0 : tensor<4x3xf32>) outs(%3 : tensor<3x4xf32>) permutation = [1, 0]
  %4 = tensor.empty() : tensor<2x4xf32>
  %5 = linalg.fill ins(%cst_0 : f32) outs(%4 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %6 = linalg.matmul ins(%2, %transposed : tensor<2x3xf32>, tensor<3x4xf32>) outs(%5 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %7 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%6, %cst_1 : tensor<2x4xf32>, tensor<4xf32>) outs(%4 : tensor<2x4xf32>) {
  ^bb0(%in: f32, %in_2: f32, %out: f32):
    %10 = arith.addf %in, %in_2 : f32
    linalg.yield %10 : f32
  } -> tensor<2x4xf32>
  %8 = "npu.quantize"(%7) {hi = 127 : i64, lo = -128 : i64, scale = 0.022 : f64, zp = -22 : i64} : (tensor<2x4xf32>) -> tensor<2x4xi8>
  %9 = "npu.dequantize"(%8) {scale = 0.022 : f64, zp = -22 : i64} : (tensor<2x4xi8>) -> tensor<2x4xf32>
  return %9 : tensor<2x4xf32>
}

// -----

#map = affine_map<(d0, d1, d2) -> (d1, d2)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// Leading dimensions fold into one; the weights are the same for all.
// CHECK-LABEL: func.func @sequence
// CHECK: "npu.reshape"(%{{.*}}) : (tensor<1x2x3xi8>) -> tensor<2x3xi8>
// CHECK: "npu.fully_connected"(%{{.*}}) {{.*}} : (tensor<2x3xi8>, tensor<4x3xi8>, tensor<4xi32>) -> tensor<2x4xi8>
// CHECK: "npu.reshape"(%{{.*}}) : (tensor<2x4xi8>) -> tensor<1x2x4xi8>
func.func @sequence(%arg0: tensor<1x2x3xf32>) -> tensor<1x2x4xf32> {
  %cst = arith.constant dense<[[127, 51, 12], [127, -92, -34], [-127, 32, -86], [-80, -127, -8]]> : tensor<4x3xi8>
  %cst_0 = arith.constant 0.000000e+00 : f32
  %0 = "npu.dequantize_channels"(%cst) {axis = 0 : i64, scales = [0.0052, 0.0049, 0.012, 0.007], zps = array<i64: 0, 0, 0, 0>} : (tensor<4x3xi8>) -> tensor<4x3xf32>
  %1 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.01 : f64, zp = 0 : i64} : (tensor<1x2x3xf32>) -> tensor<1x2x3xi8>
  %2 = "npu.dequantize"(%1) {scale = 0.01 : f64, zp = 0 : i64} : (tensor<1x2x3xi8>) -> tensor<1x2x3xf32>
  %3 = tensor.empty() : tensor<3x4xf32>
  %transposed = linalg.transpose ins(%0 : tensor<4x3xf32>) outs(%3 : tensor<3x4xf32>) permutation = [1, 0]
  %4 = tensor.empty() : tensor<1x3x4xf32>
  %5 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%transposed : tensor<3x4xf32>) outs(%4 : tensor<1x3x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<1x3x4xf32>
  %6 = tensor.empty() : tensor<1x2x4xf32>
  %7 = linalg.fill ins(%cst_0 : f32) outs(%6 : tensor<1x2x4xf32>) -> tensor<1x2x4xf32>
  %8 = linalg.batch_matmul ins(%2, %5 : tensor<1x2x3xf32>, tensor<1x3x4xf32>) outs(%7 : tensor<1x2x4xf32>) -> tensor<1x2x4xf32>
  %9 = "npu.float_op"(%8) {kind = "clamp", params = {max = 0x7FF0000000000000 : f64, min = 0.000000e+00 : f64}} : (tensor<1x2x4xf32>) -> tensor<1x2x4xf32>
  %10 = "npu.quantize"(%9) {hi = 127 : i64, lo = -128 : i64, scale = 0.011 : f64, zp = -128 : i64} : (tensor<1x2x4xf32>) -> tensor<1x2x4xi8>
  %11 = "npu.dequantize"(%10) {scale = 0.011 : f64, zp = -128 : i64} : (tensor<1x2x4xi8>) -> tensor<1x2x4xf32>
  return %11 : tensor<1x2x4xf32>
}
