// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8> {
  %y = "npu.avg_pool2d"(%input) {count_include_pad = false, kernel = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8>
  return %y : tensor<1x4x4x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8> {
  // expected-error@+1 {{'npu.avg_pool2d' op rescale has 1 multipliers, wanted 4}}
  %y = "npu.avg_pool2d"(%input) {count_include_pad = false, kernel = array<i64: 2, 2>, pads = array<i64: 1, 1, 0, 0>, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8>
  return %y : tensor<1x4x4x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8> {
  // expected-error@+1 {{'npu.avg_pool2d' op rescale has 2 multipliers, wanted 1 or 4}}
  %y = "npu.avg_pool2d"(%input) {count_include_pad = false, kernel = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 0, 0>, shift = array<i64: 2, 2>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8>
  return %y : tensor<1x4x4x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8> {
  // expected-error@+1 {{'npu.avg_pool2d' op count_include_pad is 'no', wanted true or false}}
  %y = "npu.avg_pool2d"(%input) {count_include_pad = "no", kernel = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, strides = array<i64: 2, 2>, zp_x = 0 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8>
  return %y : tensor<1x4x4x4xi8>
}
