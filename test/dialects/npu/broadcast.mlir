// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a: tensor<4x1xi8>) -> tensor<4x5xi8> {
  %y = "npu.broadcast"(%a) : (tensor<4x1xi8>) -> tensor<4x5xi8>
  return %y : tensor<4x5xi8>
}

// -----

func.func @bad(%a: tensor<4xf32>) -> tensor<2x4xf32> {
  // expected-error@+1 {{'npu.broadcast' op result is 2x4xf32, wanted the rank of 4xf32}}
  %y = "npu.broadcast"(%a) : (tensor<4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
