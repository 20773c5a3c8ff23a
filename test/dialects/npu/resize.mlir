// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8> {
  %y = "npu.resize"(%input) {border = array<i64: 1, 1>, offset = array<i64: 0, 0>, rounding = "floor", scale_x = array<i64: 2, 1>, scale_y = array<i64: 2, 1>} : (tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8>
  return %y : tensor<1x16x16x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8> {
  // expected-error@+1 {{'npu.resize' op rounding is 'up', wanted floor or half or bilinear}}
  %y = "npu.resize"(%input) {border = array<i64: 1, 1>, offset = array<i64: 0, 0>, rounding = "up", scale_x = array<i64: 2, 1>, scale_y = array<i64: 2, 1>} : (tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8>
  return %y : tensor<1x16x16x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8> {
  // expected-error@+1 {{'npu.resize' op result is 1x16x16x4xi8, wanted 1x6x16x4xi8}}
  %y = "npu.resize"(%input) {border = array<i64: 1, 1>, offset = array<i64: 0, 0>, rounding = "floor", scale_x = array<i64: 2, 1>, scale_y = array<i64: 2, 3>} : (tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8>
  return %y : tensor<1x16x16x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8> {
  // expected-error@+1 {{'npu.resize' op scale of columns is 0 / 1, wanted both at least 1}}
  %y = "npu.resize"(%input) {border = array<i64: 1, 1>, offset = array<i64: 0, 0>, rounding = "floor", scale_x = array<i64: 0, 1>, scale_y = array<i64: 2, 1>} : (tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8>
  return %y : tensor<1x16x16x4xi8>
}
