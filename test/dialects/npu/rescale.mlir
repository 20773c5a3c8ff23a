// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<4xi32>) -> tensor<4xi8> {
  %y = "npu.rescale"(%input) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_x = 0 : i64} : (tensor<4xi32>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}

// -----

func.func @bad(%input: tensor<4xi32>) -> tensor<4xi64> {
  // expected-error@+1 {{'npu.rescale' op result has element type i64, wanted i8 or ui8 or i16 or i32}}
  %y = "npu.rescale"(%input) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_x = 0 : i64} : (tensor<4xi32>) -> tensor<4xi64>
  return %y : tensor<4xi64>
}

// -----

func.func @bad(%input: tensor<4xi32>) -> tensor<4xi8> {
  // expected-error@+1 {{'npu.rescale' op rescale has 2 multipliers, wanted 1}}
  %y = "npu.rescale"(%input) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 0, 0>, shift = array<i64: 2, 2>, zp_out = 3 : i64}>, zp_x = 0 : i64} : (tensor<4xi32>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}

// -----

func.func @bad(%input: tensor<4xi32>) -> tensor<4xi8> {
  // expected-error@+1 {{'npu.rescale' op attribute 'rescale' is #npu.scale<{double_round = 0 : i64, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, wanted a boolean double_round}}
  %y = "npu.rescale"(%input) {rescale = #npu.scale<{double_round = 0 : i64, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_x = 0 : i64} : (tensor<4xi32>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}
