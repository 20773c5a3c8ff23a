// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>) -> tensor<1x10x10x4xi8> {
  %y = "npu.pad"(%input) {pads = array<i64: 0, 0, 1, 1, 1, 1, 0, 0>, value = -128 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x10x10x4xi8>
  return %y : tensor<1x10x10x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x10x10x4xi8> {
  // expected-error@+1 {{'npu.pad' op pads has 2 entries, wanted 8}}
  %y = "npu.pad"(%input) {pads = array<i64: 1, 1>, value = -128 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x10x10x4xi8>
  return %y : tensor<1x10x10x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x10x10x4xi8> {
  // expected-error@+1 {{'npu.pad' op value is -129, wanted -128..127}}
  %y = "npu.pad"(%input) {pads = array<i64: 0, 0, 1, 1, 1, 1, 0, 0>, value = -129 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x10x10x4xi8>
  return %y : tensor<1x10x10x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x10x10x4xi8> {
  // expected-error@+1 {{'npu.pad' op pads are (0, 0, -1, 1, 1, 1, 0, 0), wanted at least 0}}
  %y = "npu.pad"(%input) {pads = array<i64: 0, 0, -1, 1, 1, 1, 0, 0>, value = -128 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x10x10x4xi8>
  return %y : tensor<1x10x10x4xi8>
}
