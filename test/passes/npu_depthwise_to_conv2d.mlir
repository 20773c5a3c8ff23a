// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-depthwise-to-conv2d --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-depthwise-to-conv2d --split-input-file --validate > /dev/null
// RUN: npu-opt %s --npu-set-target=name=edge-256 --npu-depthwise-to-conv2d --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-set-target=name=u55-256 --npu-depthwise-to-conv2d --split-input-file | FileCheck %s --check-prefix=NO

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>

// The weights have their output channels first.
// CHECK-LABEL: func.func @single
// CHECK: %[[W:.*]] = "npu.constant"() {value = dense<{{.*}}[1]{{.*}}[3]{{.*}}[5]{{.*}}[2]{{.*}}[4]{{.*}}[6]{{.*}}> : tensor<2x1x3x1xi8>}
// CHECK: "npu.conv2d"(%arg0, %[[W]], {{.*}} groups = 1 : i64, pads = array<i64: 0, 0, 1, 0>, {{.*}} strides = array<i64: 1, 2>, zp_w = 1 : i64, zp_x = 5 : i64}
// With three taps micro-blocks have nothing to gain.
// NO-LABEL: func.func @single
// NO-NOT: npu.conv2d
func.func @single(%x: tensor<1x9x32x1xi8>) -> tensor<1x9x16x2xi8> {
  %w = "npu.constant"() {value = dense<[[[1, 2], [3, 4], [5, 6]]]> : tensor<1x3x2xi8>} : () -> tensor<1x3x2xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>
  %0 = "npu.depthwise_conv2d"(%x, %w, %b) {dilation = array<i64: 1, 1>, pads = array<i64: 0, 0, 1, 0>, rescale = #one, strides = array<i64: 1, 2>, zp_w = 1 : i64, zp_x = 5 : i64} : (tensor<1x9x32x1xi8>, tensor<1x3x2xi8>, tensor<2xi32>) -> tensor<1x9x16x2xi8>
  return %0 : tensor<1x9x16x2xi8>
}

// -----

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>

// Several channels do not mix.
// CHECK-LABEL: func.func @several
// CHECK-NOT: npu.conv2d
func.func @several(%x: tensor<1x3x4x2xi8>) -> tensor<1x3x2x2xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<1x3x2xi8>} : () -> tensor<1x3x2xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>
  %0 = "npu.depthwise_conv2d"(%x, %w, %b) {dilation = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, rescale = #one, strides = array<i64: 1, 1>, zp_w = 1 : i64, zp_x = 5 : i64} : (tensor<1x3x4x2xi8>, tensor<1x3x2xi8>, tensor<2xi32>) -> tensor<1x3x2x2xi8>
  return %0 : tensor<1x3x2x2xi8>
}
