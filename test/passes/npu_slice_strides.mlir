// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-slice-strides --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-slice-strides --split-input-file --validate > /dev/null
// RUN: npu-opt %s --npu-set-target=name=u55-256 --npu-slice-strides --split-input-file | FileCheck %s --check-prefix=SMALL

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>

// Every second pixel is picked, also where the last row is never read.
// CHECK-LABEL: func.func @strided
// CHECK: "npu.slice"(%arg0) {sizes = array<i64: 1, 3, 2, 2>, starts = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 2, 3, 1>}
// CHECK: "npu.conv2d"({{.*}} strides = array<i64: 1, 1>
// On a machine where the slice takes as long as so small a convolution, that stays as it is.
// SMALL-LABEL: func.func @strided
// SMALL-NOT: npu.slice
func.func @strided(%x: tensor<1x6x4x2xi8>) -> tensor<1x3x2x1xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<1x1x1x2xi8>} : () -> tensor<1x1x1x2xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<1xi32>} : () -> tensor<1xi32>
  %0 = "npu.conv2d"(%x, %w, %b) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #one, strides = array<i64: 2, 3>, zp_w = 0 : i64, zp_x = 5 : i64} : (tensor<1x6x4x2xi8>, tensor<1x1x1x2xi8>, tensor<1xi32>) -> tensor<1x3x2x1xi8>
  return %0 : tensor<1x3x2x1xi8>
}

// -----

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>

// A larger kernel reads what lies between, and stays.
// CHECK-LABEL: func.func @kernel
// CHECK-NOT: npu.slice
func.func @kernel(%x: tensor<1x5x5x1xi8>) -> tensor<1x2x2x1xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<1x3x3x1xi8>} : () -> tensor<1x3x3x1xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<1xi32>} : () -> tensor<1xi32>
  %0 = "npu.conv2d"(%x, %w, %b) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #one, strides = array<i64: 2, 2>, zp_w = 0 : i64, zp_x = 5 : i64} : (tensor<1x5x5x1xi8>, tensor<1x3x3x1xi8>, tensor<1xi32>) -> tensor<1x2x2x1xi8>
  return %0 : tensor<1x2x2x1xi8>
}
