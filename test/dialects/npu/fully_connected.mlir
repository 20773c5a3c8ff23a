// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x16xi8>, %weights: tensor<10x16xi8>, %bias: tensor<10xi32>) -> tensor<1x10xi8> {
  %y = "npu.fully_connected"(%input, %weights, %bias) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x16xi8>, tensor<10x16xi8>, tensor<10xi32>) -> tensor<1x10xi8>
  return %y : tensor<1x10xi8>
}

// -----

func.func @bad(%input: tensor<1x16xi8>, %weights: tensor<10x15xi8>, %bias: tensor<10xi32>) -> tensor<1x10xi8> {
  // expected-error@+1 {{'npu.fully_connected' op weights have 15 input channels, wanted the input's 16}}
  %y = "npu.fully_connected"(%input, %weights, %bias) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x16xi8>, tensor<10x15xi8>, tensor<10xi32>) -> tensor<1x10xi8>
  return %y : tensor<1x10xi8>
}

// -----

func.func @bad(%input: tensor<1x1x16xi8>, %weights: tensor<10x16xi8>, %bias: tensor<10xi32>) -> tensor<1x10xi8> {
  // expected-error@+1 {{'npu.fully_connected' op operand 'input' has rank 3, wanted 2}}
  %y = "npu.fully_connected"(%input, %weights, %bias) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x1x16xi8>, tensor<10x16xi8>, tensor<10xi32>) -> tensor<1x10xi8>
  return %y : tensor<1x10xi8>
}

// -----

func.func @bad(%input: tensor<1x16xi8>, %weights: tensor<10x16xi8>, %bias: tensor<10xi32>) -> tensor<1x10xi8> {
  // expected-error@+1 {{'npu.fully_connected' op zp_w is 200, wanted -128..127}}
  %y = "npu.fully_connected"(%input, %weights, %bias) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_w = 200 : i64, zp_x = 0 : i64} : (tensor<1x16xi8>, tensor<10x16xi8>, tensor<10xi32>) -> tensor<1x10xi8>
  return %y : tensor<1x10xi8>
}
