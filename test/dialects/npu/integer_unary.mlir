// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a0: tensor<4xi32>) -> tensor<4xi32> {
  %y = "npu.integer_unary"(%a0) {kind = "clz"} : (tensor<4xi32>) -> tensor<4xi32>
  return %y : tensor<4xi32>
}

// -----

func.func @bad(%a0: tensor<4xi32>) -> tensor<4xi32> {
  // expected-error@+1 {{'npu.integer_unary' op kind is 'sqrt', wanted one of abs, bitwise_not, clz, logical_not, negate}}
  %y = "npu.integer_unary"(%a0) {kind = "sqrt"} : (tensor<4xi32>) -> tensor<4xi32>
  return %y : tensor<4xi32>
}

// -----

func.func @bad(%a0: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error@+1 {{'npu.integer_unary' op operand 'input' has element type i8, wanted i32}}
  %y = "npu.integer_unary"(%a0) {kind = "clz"} : (tensor<4xi8>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}
