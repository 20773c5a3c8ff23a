// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x4x4x8xi8>) -> tensor<1x8xi8> {
  %y = "npu.reduce_max"(%input) {axes = array<i64: 1, 2>, keepdims = false} : (tensor<1x4x4x8xi8>) -> tensor<1x8xi8>
  return %y : tensor<1x8xi8>
}

// -----

func.func @bad(%input: tensor<1x4x4x8xi8>) -> tensor<1x8xi8> {
  // expected-error@+1 {{'npu.reduce_max' op axes are (2, 1), wanted ascending dimensions within 0..3}}
  %y = "npu.reduce_max"(%input) {axes = array<i64: 2, 1>, keepdims = false} : (tensor<1x4x4x8xi8>) -> tensor<1x8xi8>
  return %y : tensor<1x8xi8>
}
