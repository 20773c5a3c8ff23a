// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// Padding with real 0 is the op's own; the layout is NHWC between two transposes.
// CHECK-LABEL: func.func @padded
// CHECK: "npu.transpose"(%{{.*}}) {perm = array<i64: 0, 2, 3, 1>}
// CHECK: "npu.conv2d"(%{{.*}}) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 1, 1, 1>, rescale = {{.*}}, strides = array<i64: 2, 2>
// CHECK: "npu.transpose"(%{{.*}}) {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NOT: tensor.pad
func.func @padded(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x3x2x2xf32> {
  %cst = arith.constant dense<[[[[-115, -57, -50], [-122, -8, -47], [-75, -122, -54]], [[21, -59, -20], [-16, 127, 17], [35, -53, -87]]], [[[39, 12, 50], [14, -38, 46], [62, -10, -127]], [[-82, 4, -34], [-45, -7, 106], [-4, 9, -44]]], [[[8, 2, 44], [77, 8, -19], [-68, -50, 17]], [[44, -126, -29], [42, 12, 4], [-24, 16, 56]]]]> : tensor<3x2x3x3xi8>
  %cst_0 = arith.constant 0.000000e+00 : f32
  %cst_1 = arith.constant dense<[1.1, 2.2, -0.43]> : tensor<3xf32>
  %0 = "npu.dequantize_channels"(%cst) {axis = 0 : i64, scales = [0.013, 0.018, 0.026], zps = array<i64: 0, 0, 0>} : (tensor<3x2x3x3xi8>) -> tensor<3x2x3x3xf32>
  %1 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %2 = "npu.dequantize"(%1) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %padded = tensor.pad %2 low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%arg1: index, %arg2: index, %arg3: index, %arg4: index):
    tensor.yield %cst_0 : f32
  } : tensor<1x2x4x4xf32> to tensor<1x2x6x6xf32>
  %3 = tensor.empty() : tensor<1x3x2x2xf32>
  %broadcasted = linalg.broadcast ins(%cst_1 : tensor<3xf32>) outs(%3 : tensor<1x3x2x2xf32>) dimensions = [0, 2, 3]
  %4 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>} ins(%padded, %0 : tensor<1x2x6x6xf32>, tensor<3x2x3x3xf32>) outs(%broadcasted : tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32>
  %5 = "npu.quantize"(%4) {hi = 127 : i64, lo = -128 : i64, scale = 0.044 : f64, zp = -32 : i64} : (tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xi8>
  %6 = "npu.dequantize"(%5) {scale = 0.044 : f64, zp = -32 : i64} : (tensor<1x3x2x2xi8>) -> tensor<1x3x2x2xf32>
  return %6 : tensor<1x3x2x2xf32>
}

// -----

// A clamp behind the convolution is its bounds: 0.1 is code rint(0.1 / 0.0082) - 128, and 6 is beyond the last.
// CHECK-LABEL: func.func @clamped
// CHECK: "npu.conv2d"(%{{.*}}) {{.*}}hi = 127 : i64, lo = -116 : i64
// CHECK-NOT: npu.clamp
func.func @clamped(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x3x4x4xf32> {
  %cst = arith.constant dense<[[[[127]], [[51]]], [[[13]], [[127]]], [[[-127]], [[-47]]]]> : tensor<3x2x1x1xi8>
  %cst_0 = arith.constant dense<[-1.5, 0.38, -1.0]> : tensor<3xf32>
  %0 = "npu.dequantize_channels"(%cst) {axis = 0 : i64, scales = [0.0052, 0.0049, 0.0036], zps = array<i64: 0, 0, 0>} : (tensor<3x2x1x1xi8>) -> tensor<3x2x1x1xf32>
  %1 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %2 = "npu.dequantize"(%1) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %3 = tensor.empty() : tensor<1x3x4x4xf32>
  %broadcasted = linalg.broadcast ins(%cst_0 : tensor<3xf32>) outs(%3 : tensor<1x3x4x4xf32>) dimensions = [0, 2, 3]
  %4 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%2, %0 : tensor<1x2x4x4xf32>, tensor<3x2x1x1xf32>) outs(%broadcasted : tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  %5 = "npu.float_op"(%4) {kind = "clamp", params = {max = 6.000000e+00 : f64, min = 1.000000e-01 : f64}} : (tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  %6 = "npu.quantize"(%5) {hi = 127 : i64, lo = -128 : i64, scale = 0.0082 : f64, zp = -128 : i64} : (tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xi8>
  %7 = "npu.dequantize"(%6) {scale = 0.0082 : f64, zp = -128 : i64} : (tensor<1x3x4x4xi8>) -> tensor<1x3x4x4xf32>
  return %7 : tensor<1x3x4x4xf32>
}

// -----

// Groups come back from the five dimensions that torch-mlir gives them.
// CHECK-LABEL: func.func @grouped
// CHECK: "npu.conv2d"(%{{.*}}) {{.*}}groups = 2 : i64
// CHECK-NOT: tensor.expand_shape
func.func @grouped(%arg0: tensor<1x4x3x3xf32>) -> tensor<1x4x2x2xf32> {
  %cst = arith.constant dense<[[[[-120, -59], [-52, -127]], [[-8, -48], [-77, -127]]], [[[-53, 23], [-59, -19]], [[-16, 127], [17, 35]]], [[[-76, -127], [76, 22]], [[94, 27], [-73, 89]]], [[[62, -10], [-127, -82]], [[4, -35], [-45, -8]]]]> : tensor<4x2x2x2xi8>
  %cst_0 = arith.constant dense<[-0.42, -0.51, -1.6, -0.12]> : tensor<4xf32>
  %0 = "npu.dequantize_channels"(%cst) {axis = 0 : i64, scales = [0.013, 0.013, 0.0091, 0.018], zps = array<i64: 0, 0, 0, 0>} : (tensor<4x2x2x2xi8>) -> tensor<4x2x2x2xf32>
  %1 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.02 : f64, zp = 0 : i64} : (tensor<1x4x3x3xf32>) -> tensor<1x4x3x3xi8>
  %2 = "npu.dequantize"(%1) {scale = 0.02 : f64, zp = 0 : i64} : (tensor<1x4x3x3xi8>) -> tensor<1x4x3x3xf32>
  %3 = tensor.empty() : tensor<1x4x2x2xf32>
  %broadcasted = linalg.broadcast ins(%cst_0 : tensor<4xf32>) outs(%3 : tensor<1x4x2x2xf32>) dimensions = [0, 2, 3]
  %expanded = tensor.expand_shape %2 [[0], [1, 2], [3], [4]] output_shape [1, 2, 2, 3, 3] : tensor<1x4x3x3xf32> into tensor<1x2x2x3x3xf32>
  %expanded_1 = tensor.expand_shape %0 [[0, 1], [2], [3], [4]] output_shape [2, 2, 2, 2, 2] : tensor<4x2x2x2xf32> into tensor<2x2x2x2x2xf32>
  %expanded_2 = tensor.expand_shape %broadcasted [[0], [1, 2], [3], [4]] output_shape [1, 2, 2, 2, 2] : tensor<1x4x2x2xf32> into tensor<1x2x2x2x2xf32>
  %4 = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%expanded, %expanded_1 : tensor<1x2x2x3x3xf32>, tensor<2x2x2x2x2xf32>) outs(%expanded_2 : tensor<1x2x2x2x2xf32>) -> tensor<1x2x2x2x2xf32>
  %collapsed = tensor.collapse_shape %4 [[0], [1, 2], [3], [4]] : tensor<1x2x2x2x2xf32> into tensor<1x4x2x2xf32>
  %5 = "npu.quantize"(%collapsed) {hi = 127 : i64, lo = -128 : i64, scale = 0.058 : f64, zp = 20 : i64} : (tensor<1x4x2x2xf32>) -> tensor<1x4x2x2xi8>
  %6 = "npu.dequantize"(%5) {scale = 0.058 : f64, zp = 20 : i64} : (tensor<1x4x2x2xi8>) -> tensor<1x4x2x2xf32>
  return %6 : tensor<1x4x2x2xf32>
}

// -----

// A row is an image of height 1.
// CHECK-LABEL: func.func @one_dimension
// CHECK: "npu.reshape"(%{{.*}}) : (tensor<1x2x6xi8>) -> tensor<1x2x1x6xi8>
// CHECK: "npu.conv2d"(%{{.*}}) {{.*}} : (tensor<1x1x6x2xi8>, tensor<3x1x3x2xi8>, tensor<3xi32>)
func.func @one_dimension(%arg0: tensor<1x2x6xf32>) -> tensor<1x3x4xf32> {
  %cst = arith.constant dense<[[[-127, -62, 58], [17, 72, 20]], [[-37, 46, 25], [66, -127, -82]], [[10, -98, -127], [-21, -127, 53]]]> : tensor<3x2x3xi8>
  %cst_0 = arith.constant dense<[0.39, 1.1, -0.54]> : tensor<3xf32>
  %0 = "npu.dequantize_channels"(%cst) {axis = 0 : i64, scales = [0.012, 0.018, 0.0063], zps = array<i64: 0, 0, 0>} : (tensor<3x2x3xi8>) -> tensor<3x2x3xf32>
  %1 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x6xf32>) -> tensor<1x2x6xi8>
  %2 = "npu.dequantize"(%1) {scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x6xi8>) -> tensor<1x2x6xf32>
  %expanded = tensor.expand_shape %2 [[0], [1], [2, 3]] output_shape [1, 2, 1, 6] : tensor<1x2x6xf32> into tensor<1x2x1x6xf32>
  %expanded_1 = tensor.expand_shape %0 [[0], [1], [2, 3]] output_shape [3, 2, 1, 3] : tensor<3x2x3xf32> into tensor<3x2x1x3xf32>
  %3 = tensor.empty() : tensor<1x3x1x4xf32>
  %broadcasted = linalg.broadcast ins(%cst_0 : tensor<3xf32>) outs(%3 : tensor<1x3x1x4xf32>) dimensions = [0, 2, 3]
  %4 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%expanded, %expanded_1 : tensor<1x2x1x6xf32>, tensor<3x2x1x3xf32>) outs(%broadcasted : tensor<1x3x1x4xf32>) -> tensor<1x3x1x4xf32>
  %collapsed = tensor.collapse_shape %4 [[0], [1, 2], [3]] : tensor<1x3x1x4xf32> into tensor<1x3x4xf32>
  %5 = "npu.quantize"(%collapsed) {hi = 127 : i64, lo = -128 : i64, scale = 0.025 : f64, zp = -16 : i64} : (tensor<1x3x4xf32>) -> tensor<1x3x4xi8>
  %6 = "npu.dequantize"(%5) {scale = 0.025 : f64, zp = -16 : i64} : (tensor<1x3x4xi8>) -> tensor<1x3x4xf32>
  return %6 : tensor<1x3x4xf32>
}
