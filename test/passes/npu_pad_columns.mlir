// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-set-target=name=edge-256 --npu-pad-columns --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-set-target=name=edge-256 --npu-pad-columns --split-input-file --validate > /dev/null
// RUN: npu-opt %s --npu-pad-columns --split-input-file | FileCheck %s --check-prefix=NO

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>

// Two of five columns are borders: the image gets its left and right padding, of the zero point, and keeps the other two.
// CHECK-LABEL: func.func @narrow_image
// CHECK: %[[X:.*]] = "npu.pad"(%arg0) {pads = array<i64: 0, 0, 0, 0, 1, 1, 0, 0>, value = 83 : i64} : (tensor<1x49x10x1xi8>) -> tensor<1x49x12x1xi8>
// CHECK: "npu.conv2d"(%[[X]], {{.*}} pads = array<i64: 4, 5, 0, 0>
// NO-LABEL: func.func @narrow_image
// NO-NOT: npu.pad
func.func @narrow_image(%x: tensor<1x49x10x1xi8>) -> tensor<1x25x5x64xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<64x10x4x1xi8>} : () -> tensor<64x10x4x1xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<64xi32>} : () -> tensor<64xi32>
  %0 = "npu.conv2d"(%x, %w, %b) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 4, 5, 1, 1>, rescale = #one, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = 83 : i64} : (tensor<1x49x10x1xi8>, tensor<64x10x4x1xi8>, tensor<64xi32>) -> tensor<1x25x5x64xi8>
  return %0 : tensor<1x25x5x64xi8>
}

// -----

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>

// A copy of a wide image takes longer than its one column of border.
// CHECK-LABEL: func.func @wide_image
// CHECK-NOT: npu.pad
func.func @wide_image(%x: tensor<1x64x224x3xi8>) -> tensor<1x32x112x8xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<8x3x3x3xi8>} : () -> tensor<8x3x3x3xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<8xi32>} : () -> tensor<8xi32>
  %0 = "npu.conv2d"(%x, %w, %b) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 1, 0, 1>, rescale = #one, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x64x224x3xi8>, tensor<8x3x3x3xi8>, tensor<8xi32>) -> tensor<1x32x112x8xi8>
  return %0 : tensor<1x32x112x8xi8>
}
