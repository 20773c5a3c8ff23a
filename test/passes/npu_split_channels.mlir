// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-set-target='name=pico-64 sram-kib=16' --npu-split-channels --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-set-target='name=pico-64 sram-kib=16' --npu-split-channels --split-input-file --validate > /dev/null
// RUN: npu-opt %s --npu-set-target=name=pico-64 --npu-split-channels --split-input-file | FileCheck %s --check-prefix=FITS

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>

// The whole image of 25600 bytes stands under one result: 40 channels are pooled in parts of 16, 16 and 8.
// CHECK-LABEL: func.func @whole_image
// CHECK: %[[A:.*]] = "npu.slice"(%arg0) {sizes = array<i64: 1, 20, 32, 16>, starts = array<i64: 0, 0, 0, 0>
// CHECK: %[[B:.*]] = "npu.max_pool2d"(%[[A]]) {{.*}} -> tensor<1x1x1x16xi8>
// CHECK: "npu.slice"(%arg0) {sizes = array<i64: 1, 20, 32, 16>, starts = array<i64: 0, 0, 0, 16>
// CHECK: "npu.slice"(%arg0) {sizes = array<i64: 1, 20, 32, 8>, starts = array<i64: 0, 0, 0, 32>
// CHECK: "npu.concat"(%[[B]], {{.*}}) {axis = 3 : i64
// FITS-LABEL: func.func @whole_image
// FITS-NOT: npu.slice
func.func @whole_image(%x: tensor<1x20x32x40xi8>) -> tensor<1x1x1x40xi8> {
  %0 = "npu.max_pool2d"(%x) {hi = 127 : i64, kernel = array<i64: 20, 32>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x20x32x40xi8>) -> tensor<1x1x1x40xi8>
  return %0 : tensor<1x1x1x40xi8>
}

// -----

// Rows of which two fit stay stripes.
// CHECK-LABEL: func.func @rows
// CHECK-NOT: npu.slice
func.func @rows(%x: tensor<1x20x32x40xi8>) -> tensor<1x19x32x40xi8> {
  %0 = "npu.max_pool2d"(%x) {hi = 127 : i64, kernel = array<i64: 2, 1>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x20x32x40xi8>) -> tensor<1x19x32x40xi8>
  return %0 : tensor<1x19x32x40xi8>
}

// -----

// Of a row that does not fit no slice can be taken either: the planner says what is short.
// CHECK-LABEL: func.func @row
// CHECK-NOT: npu.slice
func.func @row(%x: tensor<1x4x600x40xi8>) -> tensor<1x1x600x40xi8> {
  %0 = "npu.max_pool2d"(%x) {hi = 127 : i64, kernel = array<i64: 4, 1>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x4x600x40xi8>) -> tensor<1x1x600x40xi8>
  return %0 : tensor<1x1x600x40xi8>
}
