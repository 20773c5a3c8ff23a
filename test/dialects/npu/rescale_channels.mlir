// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<4x2xi32>) -> tensor<4x2xi8> {
  %y = "npu.rescale_channels"(%input) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 0>, shift = array<i64: 40, 2>, zp_out = 3 : i64}>, zp_x = 0 : i64} : (tensor<4x2xi32>) -> tensor<4x2xi8>
  return %y : tensor<4x2xi8>
}

// -----

func.func @bad(%input: tensor<4x2xi32>) -> tensor<4x2xi8> {
  // expected-error@+1 {{'npu.rescale_channels' op rescale has 3 multipliers, wanted 2}}
  %y = "npu.rescale_channels"(%input) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 0, 0, 0>, shift = array<i64: 2, 2, 2>, zp_out = 3 : i64}>, zp_x = 0 : i64} : (tensor<4x2xi32>) -> tensor<4x2xi8>
  return %y : tensor<4x2xi8>
}
