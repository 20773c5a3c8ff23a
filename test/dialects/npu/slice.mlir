// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>) -> tensor<1x3x8x4xi8> {
  %y = "npu.slice"(%input) {sizes = array<i64: 1, 3, 8, 4>, starts = array<i64: 0, 1, 0, 0>, strides = array<i64: 1, 2, 1, 1>} : (tensor<1x8x8x4xi8>) -> tensor<1x3x8x4xi8>
  return %y : tensor<1x3x8x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x3x8x4xi8> {
  // expected-error@+1 {{'npu.slice' op dimension 1 of 8 is read from 4, 3 times, stride 2, wanted positions 0..7}}
  %y = "npu.slice"(%input) {sizes = array<i64: 1, 3, 8, 4>, starts = array<i64: 0, 4, 0, 0>, strides = array<i64: 1, 2, 1, 1>} : (tensor<1x8x8x4xi8>) -> tensor<1x3x8x4xi8>
  return %y : tensor<1x3x8x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x3x8x4xi8> {
  // expected-error@+1 {{'npu.slice' op sizes has 3 entries, wanted 4}}
  %y = "npu.slice"(%input) {sizes = array<i64: 1, 3, 8>, starts = array<i64: 0, 1, 0, 0>, strides = array<i64: 1, 2, 1, 1>} : (tensor<1x8x8x4xi8>) -> tensor<1x3x8x4xi8>
  return %y : tensor<1x3x8x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x3x8x4xi8> {
  // expected-error@+1 {{'npu.slice' op dimension 1 of 8 is read from 1, 3 times, stride 0, wanted positions 0..7}}
  %y = "npu.slice"(%input) {sizes = array<i64: 1, 3, 8, 4>, starts = array<i64: 0, 1, 0, 0>, strides = array<i64: 1, 0, 1, 1>} : (tensor<1x8x8x4xi8>) -> tensor<1x3x8x4xi8>
  return %y : tensor<1x3x8x4xi8>
}
