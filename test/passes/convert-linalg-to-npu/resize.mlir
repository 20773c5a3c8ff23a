// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// 12/8 by floor(o * in / out).
// CHECK-LABEL: func.func @rational
// CHECK: "npu.resize"(%{{.*}}) {{.*}}rounding = "floor", scale_x = array<i64: 2, 1>, scale_y = array<i64: 3, 2>
// CHECK-NOT: npu.float_op
func.func @rational(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x6x8xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.float_op"(%1) {kind = "resize_nearest", params = {}} : (tensor<1x2x4x4xf32>) -> tensor<1x2x6x8xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x6x8xf32>) -> tensor<1x2x6x8xi8>
  %4 = "npu.dequantize"(%3) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x6x8xi8>) -> tensor<1x2x6x8xf32>
  return %4 : tensor<1x2x6x8xf32>
}
