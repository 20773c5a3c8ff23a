// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// Weights become H W C.
// CHECK-LABEL: func.func @multiplier_1
// CHECK: "npu.depthwise_conv2d"(%{{.*}}) {{.*}} : (tensor<1x4x4x2xi8>, tensor<3x3x2xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
// CHECK-NOT: linalg.
func.func @multiplier_1(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %cst = arith.constant dense<[[[[-127, -62, 58], [17, 72, 20], [-55, 67, 37]]], [[[66, -127, -82], [3, -35, -45], [-8, -45, 19]]]]> : tensor<2x1x3x3xi8>
  %cst_0 = arith.constant 0.000000e+00 : f32
  %cst_1 = arith.constant dense<[0.39, 1.1]> : tensor<2xf32>
  %0 = "npu.dequantize_channels"(%cst) {axis = 0 : i64, scales = [0.012, 0.018], zps = array<i64: 0, 0>} : (tensor<2x1x3x3xi8>) -> tensor<2x1x3x3xf32>
  %1 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %2 = "npu.dequantize"(%1) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %padded = tensor.pad %2 low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%arg1: index, %arg2: index, %arg3: index, %arg4: index):
    tensor.yield %cst_0 : f32
  } : tensor<1x2x4x4xf32> to tensor<1x2x6x6xf32>
  %3 = tensor.empty() : tensor<1x2x4x4xf32>
  %broadcasted = linalg.broadcast ins(%cst_1 : tensor<2xf32>) outs(%3 : tensor<1x2x4x4xf32>) dimensions = [0, 2, 3]
  %collapsed = tensor.collapse_shape %0 [[0, 1], [2], [3]] : tensor<2x1x3x3xf32> into tensor<2x3x3xf32>
  %4 = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%padded, %collapsed : tensor<1x2x6x6xf32>, tensor<2x3x3xf32>) outs(%broadcasted : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %5 = "npu.quantize"(%4) {hi = 127 : i64, lo = -128 : i64, scale = 0.045 : f64, zp = 4 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %6 = "npu.dequantize"(%5) {scale = 0.045 : f64, zp = 4 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  return %6 : tensor<1x2x4x4xf32>
}

// -----

// Two outputs a channel: one group a channel in linalg.
// CHECK-LABEL: func.func @multiplier_2
// CHECK: "npu.depthwise_conv2d"(%{{.*}}) {{.*}} : (tensor<1x4x4x2xi8>, tensor<2x2x4xi8>, tensor<4xi32>) -> tensor<1x3x3x4xi8>
// CHECK-NOT: linalg.
func.func @multiplier_2(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x4x3x3xf32> {
  %cst = arith.constant dense<[[[[-120, -59], [-52, -127]]], [[[-8, -48], [-77, -127]]], [[[-116, 50], [-127, -41]]], [[[-17, 127], [17, 35]]]]> : tensor<4x1x2x2xi8>
  %cst_0 = arith.constant dense<[-1.0, -0.56, -0.89, -0.058]> : tensor<4xf32>
  %0 = "npu.dequantize_channels"(%cst) {axis = 0 : i64, scales = [0.013, 0.013, 0.0061, 0.013], zps = array<i64: 0, 0, 0, 0>} : (tensor<4x1x2x2xi8>) -> tensor<4x1x2x2xf32>
  %1 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %2 = "npu.dequantize"(%1) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %3 = tensor.empty() : tensor<1x4x3x3xf32>
  %broadcasted = linalg.broadcast ins(%cst_0 : tensor<4xf32>) outs(%3 : tensor<1x4x3x3xf32>) dimensions = [0, 2, 3]
  %expanded = tensor.expand_shape %2 [[0], [1, 2], [3], [4]] output_shape [1, 2, 1, 4, 4] : tensor<1x2x4x4xf32> into tensor<1x2x1x4x4xf32>
  %expanded_1 = tensor.expand_shape %0 [[0, 1], [2], [3], [4]] output_shape [2, 2, 1, 2, 2] : tensor<4x1x2x2xf32> into tensor<2x2x1x2x2xf32>
  %expanded_2 = tensor.expand_shape %broadcasted [[0], [1, 2], [3], [4]] output_shape [1, 2, 2, 3, 3] : tensor<1x4x3x3xf32> into tensor<1x2x2x3x3xf32>
  %4 = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%expanded, %expanded_1 : tensor<1x2x1x4x4xf32>, tensor<2x2x1x2x2xf32>) outs(%expanded_2 : tensor<1x2x2x3x3xf32>) -> tensor<1x2x2x3x3xf32>
  %collapsed = tensor.collapse_shape %4 [[0], [1, 2], [3], [4]] : tensor<1x2x2x3x3xf32> into tensor<1x4x3x3xf32>
  %5 = "npu.quantize"(%collapsed) {hi = 127 : i64, lo = -128 : i64, scale = 0.04 : f64, zp = -9 : i64} : (tensor<1x4x3x3xf32>) -> tensor<1x4x3x3xi8>
  %6 = "npu.dequantize"(%5) {scale = 0.04 : f64, zp = -9 : i64} : (tensor<1x4x3x3xi8>) -> tensor<1x4x3x3xf32>
  return %6 : tensor<1x4x3x3xf32>
}
