// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8> {
  %y = "npu.max_pool2d"(%input) {hi = 127 : i64, kernel = array<i64: 2, 2>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8>
  return %y : tensor<1x4x4x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8> {
  // expected-error@+1 {{'npu.max_pool2d' op padded input has 8 rows, wanted at least the kernel's reach 9}}
  %y = "npu.max_pool2d"(%input) {hi = 127 : i64, kernel = array<i64: 9, 2>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8>
  return %y : tensor<1x4x4x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8> {
  // expected-error@+1 {{'npu.max_pool2d' op lo is -200, wanted -128..127}}
  %y = "npu.max_pool2d"(%input) {hi = 127 : i64, kernel = array<i64: 2, 2>, lo = -200 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8>
  return %y : tensor<1x4x4x4xi8>
}
