// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a0: tensor<4x1xi32>, %a1: tensor<1x3xi32>) -> tensor<4x3xi1> {
  %y = "npu.integer_binary"(%a0, %a1) {kind = "greater", shift = 0 : i64} : (tensor<4x1xi32>, tensor<1x3xi32>) -> tensor<4x3xi1>
  return %y : tensor<4x3xi1>
}

// -----

func.func @bad(%a0: tensor<4xi32>, %a1: tensor<3xi32>) -> tensor<4xi32> {
  // expected-error@+1 {{'npu.integer_binary' op operands are 4xi32, 3xi32, wanted shapes that broadcast}}
  %y = "npu.integer_binary"(%a0, %a1) {kind = "add", shift = 0 : i64} : (tensor<4xi32>, tensor<3xi32>) -> tensor<4xi32>
  return %y : tensor<4xi32>
}

// -----

func.func @bad(%a0: tensor<4xi32>, %a1: tensor<4xi8>) -> tensor<4xi32> {
  // expected-error@+1 {{'npu.integer_binary' op operand 'b' has element type i8, wanted i32}}
  %y = "npu.integer_binary"(%a0, %a1) {kind = "add", shift = 0 : i64} : (tensor<4xi32>, tensor<4xi8>) -> tensor<4xi32>
  return %y : tensor<4xi32>
}

// -----

func.func @bad(%a0: tensor<4xi8>, %a1: tensor<4xi8>) -> tensor<4xi32> {
  // expected-error@+1 {{'npu.integer_binary' op shift is 3, wanted 0}}
  %y = "npu.integer_binary"(%a0, %a1) {kind = "mul", shift = 3 : i64} : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi32>
  return %y : tensor<4xi32>
}
