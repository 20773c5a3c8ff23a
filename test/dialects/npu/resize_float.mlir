// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>) -> tensor<1x16x9x4xi8> {
  %y = "npu.resize_float"(%input) {align_corners = false, half_pixel_centers = true, size = array<i64: 16, 9>} : (tensor<1x8x8x4xi8>) -> tensor<1x16x9x4xi8>
  return %y : tensor<1x16x9x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8> {
  // expected-error@+1 {{'npu.resize_float' op size is (16, 0), wanted at least 1 each way}}
  %y = "npu.resize_float"(%input) {align_corners = false, half_pixel_centers = false, size = array<i64: 16, 0>} : (tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8>
  return %y : tensor<1x16x16x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8> {
  // expected-error@+1 {{'npu.resize_float' op result is 1x16x16x4xi8, wanted 1x16x9x4xi8}}
  %y = "npu.resize_float"(%input) {align_corners = false, half_pixel_centers = false, size = array<i64: 16, 9>} : (tensor<1x8x8x4xi8>) -> tensor<1x16x16x4xi8>
  return %y : tensor<1x16x16x4xi8>
}
