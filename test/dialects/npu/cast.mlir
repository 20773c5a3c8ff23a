// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a0: tensor<4xi8>) -> tensor<4xi32> {
  %y = "npu.cast"(%a0) : (tensor<4xi8>) -> tensor<4xi32>
  return %y : tensor<4xi32>
}

// -----

func.func @bad(%a0: tensor<4xi8>) -> tensor<4xf32> {
  // expected-error@+1 {{'npu.cast' op result has element type f32, wanted i1 or i8 or i16 or i32}}
  %y = "npu.cast"(%a0) : (tensor<4xi8>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
