// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a0: tensor<4x5xi8>) -> tensor<4x1xi8> {
  %y = "npu.integer_reduce"(%a0) {axis = 1 : i64, kind = "max"} : (tensor<4x5xi8>) -> tensor<4x1xi8>
  return %y : tensor<4x1xi8>
}

// -----

func.func @bad(%a0: tensor<4x5xi8>) -> tensor<4x1xi8> {
  // expected-error@+1 {{'npu.integer_reduce' op axis is 2, wanted 0..1}}
  %y = "npu.integer_reduce"(%a0) {axis = 2 : i64, kind = "max"} : (tensor<4x5xi8>) -> tensor<4x1xi8>
  return %y : tensor<4x1xi8>
}

// -----

func.func @bad(%a0: tensor<4x5xi8>) -> tensor<4x1xi8> {
  // expected-error@+1 {{'npu.integer_reduce' op operand 'input' has element type i8, wanted i32}}
  %y = "npu.integer_reduce"(%a0) {axis = 1 : i64, kind = "sum"} : (tensor<4x5xi8>) -> tensor<4x1xi8>
  return %y : tensor<4x1xi8>
}
