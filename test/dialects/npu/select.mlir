// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a0: tensor<4x1xi1>, %a1: tensor<1x3xi8>, %a2: tensor<4x3xi8>) -> tensor<4x3xi8> {
  %y = "npu.select"(%a0, %a1, %a2) : (tensor<4x1xi1>, tensor<1x3xi8>, tensor<4x3xi8>) -> tensor<4x3xi8>
  return %y : tensor<4x3xi8>
}

// -----

func.func @bad(%a0: tensor<4xi8>, %a1: tensor<4xi8>, %a2: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error@+1 {{'npu.select' op operand 'condition' has element type i8, wanted i1}}
  %y = "npu.select"(%a0, %a1, %a2) : (tensor<4xi8>, tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}
