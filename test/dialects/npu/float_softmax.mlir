// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x10xf32>) -> tensor<1x10xf32> {
  %y = "npu.float_softmax"(%input) {axis = 1 : i64} : (tensor<1x10xf32>) -> tensor<1x10xf32>
  return %y : tensor<1x10xf32>
}

// -----

func.func @bad(%input: tensor<1x10xf32>) -> tensor<1x10xf32> {
  // expected-error@+1 {{'npu.float_softmax' op axis is -1, wanted 0..1}}
  %y = "npu.float_softmax"(%input) {axis = -1 : i64} : (tensor<1x10xf32>) -> tensor<1x10xf32>
  return %y : tensor<1x10xf32>
}

// -----

func.func @bad(%input: tensor<1x10xi8>) -> tensor<1x10xf32> {
  // expected-error@+1 {{'npu.float_softmax' op operand 'input' has element type i8, wanted f32}}
  %y = "npu.float_softmax"(%input) {axis = 1 : i64} : (tensor<1x10xi8>) -> tensor<1x10xf32>
  return %y : tensor<1x10xf32>
}
