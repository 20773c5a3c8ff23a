// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a: tensor<4x1xf32>, %b: tensor<5xf32>) -> tensor<4x5xi1> {
  %y = "npu.float_compare"(%a, %b) {kind = "less", unordered = true} : (tensor<4x1xf32>, tensor<5xf32>) -> tensor<4x5xi1>
  return %y : tensor<4x5xi1>
}

// -----

func.func @bad(%a: tensor<4xf32>, %b: tensor<4xi8>) -> tensor<4xi1> {
  // expected-error@+1 {{'npu.float_compare' op operand 'b' has element type i8, wanted f32}}
  %y = "npu.float_compare"(%a, %b) {kind = "less", unordered = false} : (tensor<4xf32>, tensor<4xi8>) -> tensor<4xi1>
  return %y : tensor<4xi1>
}
