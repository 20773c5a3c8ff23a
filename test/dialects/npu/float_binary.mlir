// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a: tensor<4x1xf32>, %b: tensor<5xf32>) -> tensor<4x5xf32> {
  %y = "npu.float_binary"(%a, %b) {kind = "add"} : (tensor<4x1xf32>, tensor<5xf32>) -> tensor<4x5xf32>
  return %y : tensor<4x5xf32>
}

// -----

func.func @bad(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'npu.float_binary' op kind is 'and', wanted one of add, sub, mul, div, pow, maximum, minimum}}
  %y = "npu.float_binary"(%a, %b) {kind = "and"} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @bad(%a: tensor<4xf32>, %b: tensor<5xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'npu.float_binary' op operands are 4xf32, 5xf32, wanted shapes that broadcast}}
  %y = "npu.float_binary"(%a, %b) {kind = "add"} : (tensor<4xf32>, tensor<5xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
