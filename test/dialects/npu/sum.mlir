// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>) -> tensor<1x1x1x4xi8> {
  %y = "npu.sum"(%input) {axes = array<i64: 1, 2>, keepdims = true, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x1x1x4xi8>
  return %y : tensor<1x1x1x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x1x1x4xi8> {
  // expected-error@+1 {{'npu.sum' op axes are (2, 1), wanted ascending dimensions within 0..3}}
  %y = "npu.sum"(%input) {axes = array<i64: 2, 1>, keepdims = true, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x1x1x4xi8>
  return %y : tensor<1x1x1x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x1x1x4xi8> {
  // expected-error@+1 {{'npu.sum' op axes are (4,), wanted ascending dimensions within 0..3}}
  %y = "npu.sum"(%input) {axes = array<i64: 4>, keepdims = true, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x1x1x4xi8>
  return %y : tensor<1x1x1x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x1x1x4xi8> {
  // expected-error@+1 {{'npu.sum' op result is 1x1x1x4xi8, wanted 1x4xi8}}
  %y = "npu.sum"(%input) {axes = array<i64: 1, 2>, keepdims = false, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x1x1x4xi8>
  return %y : tensor<1x1x1x4xi8>
}
