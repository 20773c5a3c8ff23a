// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x10xf32>) -> tensor<1xi64> {
  %y = "npu.argmax"(%input) {axis = 1 : i64, keepdims = false} : (tensor<1x10xf32>) -> tensor<1xi64>
  return %y : tensor<1xi64>
}

// -----

func.func @bad(%input: tensor<1x10xf32>) -> tensor<1xi64> {
  // expected-error@+1 {{'npu.argmax' op axis is 2, wanted 0..1}}
  %y = "npu.argmax"(%input) {axis = 2 : i64, keepdims = false} : (tensor<1x10xf32>) -> tensor<1xi64>
  return %y : tensor<1xi64>
}

// -----

func.func @bad(%input: tensor<1x10xf32>) -> tensor<1xf32> {
  // expected-error@+1 {{'npu.argmax' op result has element type f32, wanted i32 or i64}}
  %y = "npu.argmax"(%input) {axis = 1 : i64, keepdims = false} : (tensor<1x10xf32>) -> tensor<1xf32>
  return %y : tensor<1xf32>
}

// -----

func.func @bad(%input: tensor<1x10xf32>) -> tensor<1xi64> {
  // expected-error@+1 {{'npu.argmax' op result is 1xi64, wanted 1x1xi64}}
  %y = "npu.argmax"(%input) {axis = 1 : i64, keepdims = true} : (tensor<1x10xf32>) -> tensor<1xi64>
  return %y : tensor<1xi64>
}
