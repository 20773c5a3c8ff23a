// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op strides has 1 entries, wanted 2}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op strides is 2, wanted integers}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = 2 : i64, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op padding is 3, 0 along rows, wanted less than the kernel's reach 3}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 3, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op zp_x is -129, wanted -128..127}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -129 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op weights have 4 input channels, wanted 4 / 2 groups = 2}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 2 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op groups is 3, wanted a divisor of 4 input and 2 output channels}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 3 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<3xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op operand 'bias' is 3xi32, wanted 2xi32}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<3xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op rescale has 1 multipliers and 2 shifts, wanted as many}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op rescale multiplier is out of range, wanted [0, 2**31)}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: -1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op rescale shift is out of range, wanted 2..62}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 63>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op rescale hi is 128, wanted -128..127}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 128 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op attribute 'rescale' is #npu.scale<{double_round = true, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, wanted exactly the fields multiplier, shift, zp_out, lo, hi, double_round}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x3xi8> {
  // expected-error@+1 {{'npu.conv2d' op result is 1x4x4x3xi8, wanted 1x4x4x2xi8}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x3xi8>
  return %y : tensor<1x4x4x3xi8>
}

// -----

func.func @bad(%input: tensor<8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op operand 'input' has rank 3, wanted 4}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<?x8x8x4xi8>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op operand 'input' has type tensor<?x8x8x4xi8>, wanted a static shape}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<?x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi7>, %weights: tensor<2x3x3x4xi8>, %bias: tensor<2xi32>) -> tensor<1x4x4x2xi8> {
  // expected-error@+1 {{'npu.conv2d' op operand 'input' has element type i7, wanted one of i1, i8, ui8, i16, i32, i64, f32, f64}}
  %y = "npu.conv2d"(%input, %weights, %bias) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 0, 1, 0>, rescale = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 1500000000>, shift = array<i64: 40, 41>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = -3 : i64} : (tensor<1x8x8x4xi7>, tensor<2x3x3x4xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %y : tensor<1x4x4x2xi8>
}
