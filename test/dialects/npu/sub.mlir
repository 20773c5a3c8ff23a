// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a: tensor<1x8x8x4xi8>, %b: tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8> {
  %y = "npu.sub"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, scale_a = array<i64: 1073741824, 11>, scale_b = array<i64: 1073741824, 12>, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%a: tensor<1x8x8x4xi8>, %b: tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8> {
  // expected-error@+1 {{'npu.sub' op zp_a is 128, wanted -128..127}}
  %y = "npu.sub"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, scale_a = array<i64: 1073741824, 11>, scale_b = array<i64: 1073741824, 12>, zp_a = 128 : i64, zp_b = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%a: tensor<1x8x8x4xi8>, %b: tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi32> {
  // expected-error@+1 {{'npu.sub' op result has element type i32, wanted i8 or i16}}
  %y = "npu.sub"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, scale_a = array<i64: 1073741824, 11>, scale_b = array<i64: 1073741824, 12>, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi32>
  return %y : tensor<1x8x8x4xi32>
}
