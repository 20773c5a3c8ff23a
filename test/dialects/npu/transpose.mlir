// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>) -> tensor<1x4x8x8xi8> {
  %y = "npu.transpose"(%input) {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x8x8x4xi8>) -> tensor<1x4x8x8xi8>
  return %y : tensor<1x4x8x8xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x4x8x8xi8> {
  // expected-error@+1 {{'npu.transpose' op perm is (0, 3, 1, 1), wanted a permutation of 0..3}}
  %y = "npu.transpose"(%input) {perm = array<i64: 0, 3, 1, 1>} : (tensor<1x8x8x4xi8>) -> tensor<1x4x8x8xi8>
  return %y : tensor<1x4x8x8xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8> {
  // expected-error@+1 {{'npu.transpose' op result is 1x8x8x4xi8, wanted 1x4x8x8xi8}}
  %y = "npu.transpose"(%input) {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}
