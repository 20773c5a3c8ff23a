// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>, %table: tensor<256xi8>) -> tensor<1x8x8x4xi8> {
  %y = "npu.table"(%input, %table) : (tensor<1x8x8x4xi8>, tensor<256xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>, %table: tensor<255xi8>) -> tensor<1x8x8x4xi8> {
  // expected-error@+1 {{'npu.table' op operand 'table' is 255xi8, wanted 256xi8}}
  %y = "npu.table"(%input, %table) : (tensor<1x8x8x4xi8>, tensor<255xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}
