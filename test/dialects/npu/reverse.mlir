// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a0: tensor<4x5xi8>) -> tensor<4x5xi8> {
  %y = "npu.reverse"(%a0) {axis = 1 : i64} : (tensor<4x5xi8>) -> tensor<4x5xi8>
  return %y : tensor<4x5xi8>
}

// -----

func.func @bad(%a0: tensor<4x5xi8>) -> tensor<4x5xi8> {
  // expected-error@+1 {{'npu.reverse' op axis is 2, wanted 0..1}}
  %y = "npu.reverse"(%a0) {axis = 2 : i64} : (tensor<4x5xi8>) -> tensor<4x5xi8>
  return %y : tensor<4x5xi8>
}
