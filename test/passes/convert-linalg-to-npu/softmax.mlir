// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// The searched dimension is brought to the end.
// CHECK-LABEL: func.func @channels
// CHECK: "npu.transpose"(%{{.*}}) {perm = array<i64: 0, 2, 3, 1>}
// CHECK: "npu.softmax"
// CHECK: "npu.transpose"(%{{.*}}) {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NOT: npu.rescale
func.func @channels(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.float_op"(%1) {kind = "softmax", params = {axis = 1 : i64}} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 3.906250e-03 : f64, zp = -128 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %4 = "npu.dequantize"(%3) {scale = 3.906250e-03 : f64, zp = -128 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  return %4 : tensor<1x2x4x4xf32>
}
