// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a0: tensor<2x5x3xi8>, %a1: tensor<2x7xi32>) -> tensor<2x7x3xi8> {
  %y = "npu.gather"(%a0, %a1) {axis = 1 : i64, batch_dims = 1 : i64} : (tensor<2x5x3xi8>, tensor<2x7xi32>) -> tensor<2x7x3xi8>
  return %y : tensor<2x7x3xi8>
}

// -----

func.func @bad(%a0: tensor<2x5x3xi8>, %a1: tensor<2x7xi32>) -> tensor<2x7x3xi8> {
  // expected-error@+1 {{'npu.gather' op batch_dims is 2, wanted 0..1}}
  %y = "npu.gather"(%a0, %a1) {axis = 1 : i64, batch_dims = 2 : i64} : (tensor<2x5x3xi8>, tensor<2x7xi32>) -> tensor<2x7x3xi8>
  return %y : tensor<2x7x3xi8>
}

// -----

func.func @bad(%a0: tensor<2x5x3xi8>, %a1: tensor<2x7xi8>) -> tensor<2x7x3xi8> {
  // expected-error@+1 {{'npu.gather' op operand 'indices' has element type i8, wanted i32}}
  %y = "npu.gather"(%a0, %a1) {axis = 1 : i64, batch_dims = 1 : i64} : (tensor<2x5x3xi8>, tensor<2x7xi8>) -> tensor<2x7x3xi8>
  return %y : tensor<2x7x3xi8>
}
