// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>) -> tensor<1x256xi8> {
  %y = "npu.reshape"(%input) : (tensor<1x8x8x4xi8>) -> tensor<1x256xi8>
  return %y : tensor<1x256xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x255xi8> {
  // expected-error@+1 {{'npu.reshape' op result 1x255xi8 has 255 elements, wanted the 256 of 1x8x8x4xi8}}
  %y = "npu.reshape"(%input) : (tensor<1x8x8x4xi8>) -> tensor<1x255xi8>
  return %y : tensor<1x255xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x256xi16> {
  // expected-error@+1 {{'npu.reshape' op result is 1x256xi16, wanted 1x256xi8}}
  %y = "npu.reshape"(%input) : (tensor<1x8x8x4xi8>) -> tensor<1x256xi16>
  return %y : tensor<1x256xi16>
}
