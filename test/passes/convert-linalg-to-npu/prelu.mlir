// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// Each side alone; the slopes are the scales of a 1x1 depthwise convolution.
// CHECK-LABEL: func.func @slopes
// CHECK: "npu.clamp"
// CHECK: "npu.clamp"
// CHECK: "npu.rescale"
// CHECK: "npu.depthwise_conv2d"(%{{.*}}) {{.*}} : (tensor<1x4x4x2xi8>, tensor<1x1x2xi8>, tensor<2xi32>)
// CHECK: "npu.add"
// CHECK-NOT: npu.float_op
func.func @slopes(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.float_op"(%1) {kind = "prelu", params = {slopes = [0.66135215759277344, 0.26692411303520203]}} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 0.015 : f64, zp = -62 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %4 = "npu.dequantize"(%3) {scale = 0.015 : f64, zp = -62 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  return %4 : tensor<1x2x4x4xf32>
}
