// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// Two activations: no weights.
// CHECK-LABEL: func.func @batch
// CHECK: "npu.matmul"(%{{.*}}, %{{.*}})
// CHECK-NOT: linalg.
func.func @batch(%arg0: tensor<2x3x4xf32>, %arg1: tensor<2x4x5xf32>) -> tensor<2x3x5xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = 4 : i64} : (tensor<2x3x4xf32>) -> tensor<2x3x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = 4 : i64} : (tensor<2x3x4xi8>) -> tensor<2x3x4xf32>
  %2 = "npu.quantize"(%arg1) {hi = 127 : i64, lo = -128 : i64, scale = 0.018 : f64, zp = -30 : i64} : (tensor<2x4x5xf32>) -> tensor<2x4x5xi8>
  %3 = "npu.dequantize"(%2) {scale = 0.018 : f64, zp = -30 : i64} : (tensor<2x4x5xi8>) -> tensor<2x4x5xf32>
  %4 = tensor.empty() : tensor<2x3x5xf32>
  %5 = linalg.fill ins(%cst : f32) outs(%4 : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %6 = linalg.batch_matmul ins(%1, %3 : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%5 : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %7 = "npu.quantize"(%6) {hi = 127 : i64, lo = -128 : i64, scale = 0.042 : f64, zp = -6 : i64} : (tensor<2x3x5xf32>) -> tensor<2x3x5xi8>
  %8 = "npu.dequantize"(%7) {scale = 0.042 : f64, zp = -6 : i64} : (tensor<2x3x5xi8>) -> tensor<2x3x5xf32>
  return %8 : tensor<2x3x5xf32>
}
