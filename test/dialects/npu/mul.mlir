// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a: tensor<1x8x8x4xi8>, %b: tensor<1x1x1x4xi8>) -> tensor<1x8x8x4xi8> {
  %y = "npu.mul"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<1x1x1x4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%a: tensor<1x8x8x4xi8>, %b: tensor<1x1x1x4xi16>) -> tensor<1x8x8x4xi8> {
  // expected-error@+1 {{'npu.mul' op operand 'b' has element type i16, wanted i8}}
  %y = "npu.mul"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<1x1x1x4xi16>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%a: tensor<1x8x8x4xi8>, %b: tensor<1x1x2x4xi8>) -> tensor<1x8x8x4xi8> {
  // expected-error@+1 {{'npu.mul' op operands are 1x8x8x4xi8 and 1x1x2x4xi8, wanted shapes that broadcast}}
  %y = "npu.mul"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<1x1x2x4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}
