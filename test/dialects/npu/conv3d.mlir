// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a0: tensor<1x3x4x5x2xi8>, %a1: tensor<6x2x2x2x2xi8>, %a2: tensor<6xi32>) -> tensor<1x2x3x4x6xi32> {
  %y = "npu.conv3d"(%a0, %a1, %a2) {dilation = array<i64: 1, 1, 1>, pads = array<i64: 0, 0, 0, 0, 0, 0>, strides = array<i64: 1, 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x3x4x5x2xi8>, tensor<6x2x2x2x2xi8>, tensor<6xi32>) -> tensor<1x2x3x4x6xi32>
  return %y : tensor<1x2x3x4x6xi32>
}

// -----

func.func @bad(%a0: tensor<1x3x4x5x2xi8>, %a1: tensor<6x2x2x2x3xi8>, %a2: tensor<6xi32>) -> tensor<1x2x3x4x6xi32> {
  // expected-error@+1 {{'npu.conv3d' op weights have 3 input channels, wanted the input's 2}}
  %y = "npu.conv3d"(%a0, %a1, %a2) {dilation = array<i64: 1, 1, 1>, pads = array<i64: 0, 0, 0, 0, 0, 0>, strides = array<i64: 1, 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x3x4x5x2xi8>, tensor<6x2x2x2x3xi8>, tensor<6xi32>) -> tensor<1x2x3x4x6xi32>
  return %y : tensor<1x2x3x4x6xi32>
}
