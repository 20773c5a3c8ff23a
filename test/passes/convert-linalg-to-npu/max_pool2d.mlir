// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// Padding with minus infinity is the op's own.
// CHECK-LABEL: func.func @padded
// CHECK: "npu.max_pool2d"(%{{.*}}) {{.*}}kernel = array<i64: 3, 3>{{.*}}pads = array<i64: 1, 1, 1, 1>
// CHECK-NOT: tensor.pad
func.func @padded(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32> {
  %cst = arith.constant 0xFF800000 : f32
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %padded = tensor.pad %1 low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%arg1: index, %arg2: index, %arg3: index, %arg4: index):
    tensor.yield %cst : f32
  } : tensor<1x2x4x4xf32> to tensor<1x2x6x6xf32>
  %2 = tensor.empty() : tensor<1x2x2x2xf32>
  %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %4 = tensor.empty() : tensor<3x3xf32>
  %5 = linalg.pooling_nchw_max {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>} ins(%padded, %4 : tensor<1x2x6x6xf32>, tensor<3x3xf32>) outs(%3 : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %6 = "npu.quantize"(%5) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xi8>
  %7 = "npu.dequantize"(%6) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x2x2xi8>) -> tensor<1x2x2x2xf32>
  return %7 : tensor<1x2x2x2xf32>
}

// -----

// The greatest value of each channel: one window.
// CHECK-LABEL: func.func @everything
// CHECK: "npu.max_pool2d"(%{{.*}}) {{.*}}kernel = array<i64: 4, 4>
// CHECK-NOT: npu.float_op
func.func @everything(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.float_op"(%1) {kind = "amax", params = {axes = [2, 3], keepdim = false}} : (tensor<1x2x4x4xf32>) -> tensor<1x2xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2xf32>) -> tensor<1x2xi8>
  %4 = "npu.dequantize"(%3) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2xi8>) -> tensor<1x2xf32>
  return %4 : tensor<1x2xf32>
}
