// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>, %weights: tensor<3x3x8xi8>, %bias: tensor<8xi32>) -> tensor<1x8x8x8xi8> {
  %y = "npu.depthwise_conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<3x3x8xi8>, tensor<8xi32>) -> tensor<1x8x8x8xi8>
  return %y : tensor<1x8x8x8xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<3x3x6xi8>, %bias: tensor<8xi32>) -> tensor<1x8x8x8xi8> {
  // expected-error@+2 {{'npu.depthwise_conv2d' op operand 'bias' is 8xi32, wanted 6xi32}}
  // expected-error@+1 {{'npu.depthwise_conv2d' op weights have 6 channels, wanted a multiple of the input's 4}}
  %y = "npu.depthwise_conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<3x3x6xi8>, tensor<8xi32>) -> tensor<1x8x8x8xi8>
  return %y : tensor<1x8x8x8xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<3x3x8xi8>, %bias: tensor<8xi16>) -> tensor<1x8x8x8xi8> {
  // expected-error@+1 {{'npu.depthwise_conv2d' op operand 'bias' has element type i16, wanted i32 or i64}}
  %y = "npu.depthwise_conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<3x3x8xi8>, tensor<8xi16>) -> tensor<1x8x8x8xi8>
  return %y : tensor<1x8x8x8xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<3x3x8xi8>, %bias: tensor<8xi32>) -> tensor<1x8x8x8xi8> {
  // expected-error@+1 {{'npu.depthwise_conv2d' op kernel 3, stride 1, dilation 0 along rows, wanted at least 1 each}}
  %y = "npu.depthwise_conv2d"(%input, %weights, %bias) {dilation = array<i64: 0, 1>, pads = array<i64: 1, 1, 1, 1>, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<3x3x8xi8>, tensor<8xi32>) -> tensor<1x8x8x8xi8>
  return %y : tensor<1x8x8x8xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<3x3x8xi8>, %bias: tensor<8xi32>) -> tensor<1x8x8x8xi8> {
  // expected-error@+1 {{'npu.depthwise_conv2d' op rescale has 2 multipliers, wanted 1 or 8}}
  %y = "npu.depthwise_conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 0, 0>, shift = array<i64: 2, 2>, zp_out = 3 : i64}>, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<3x3x8xi8>, tensor<8xi32>) -> tensor<1x8x8x8xi8>
  return %y : tensor<1x8x8x8xi8>
}
