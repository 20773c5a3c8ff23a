// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a0: tensor<2x5x3xi8>, %a1: tensor<2x4xi32>, %a2: tensor<2x4x3xi8>) -> tensor<2x5x3xi8> {
  %y = "npu.scatter"(%a0, %a1, %a2) : (tensor<2x5x3xi8>, tensor<2x4xi32>, tensor<2x4x3xi8>) -> tensor<2x5x3xi8>
  return %y : tensor<2x5x3xi8>
}

// -----

func.func @bad(%a0: tensor<2x5x3xi8>, %a1: tensor<2x4xi32>, %a2: tensor<2x3x3xi8>) -> tensor<2x5x3xi8> {
  // expected-error@+1 {{'npu.scatter' op operand 'updates' is 2x3x3xi8, wanted 2x4x3xi8}}
  %y = "npu.scatter"(%a0, %a1, %a2) : (tensor<2x5x3xi8>, tensor<2x4xi32>, tensor<2x3x3xi8>) -> tensor<2x5x3xi8>
  return %y : tensor<2x5x3xi8>
}
