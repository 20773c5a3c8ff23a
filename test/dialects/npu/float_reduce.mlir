// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a: tensor<4x5xf32>) -> tensor<4x1xf32> {
  %y = "npu.float_reduce"(%a) {axes = array<i64: 1>, kind = "mean"} : (tensor<4x5xf32>) -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}

// -----

func.func @bad(%a: tensor<4x5xf32>) -> tensor<4x1xf32> {
  // expected-error@+1 {{'npu.float_reduce' op axes are (2,), wanted different ones within 0..1, ascending}}
  %y = "npu.float_reduce"(%a) {axes = array<i64: 2>, kind = "mean"} : (tensor<4x5xf32>) -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}
