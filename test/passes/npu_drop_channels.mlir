// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-drop-channels --canonicalize --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-drop-channels --split-input-file --validate > /dev/null
// RUN: npu-opt %s --npu-set-target=name=u55-256 --npu-drop-channels --canonicalize --split-input-file | FileCheck %s --check-prefix=EIGHT

#r = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>
#relu = #npu.scale<{double_round = false, hi = 127 : i64, lo = 0 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>

// The second filter is zero: its channel is 4 / 2 everywhere, which the next layer has in its bias, 10 + 2 * 7. The others stay, in order.
// Feature maps of micro-blocks keep eight channels.
// CHECK-LABEL: func.func @never_changes
// CHECK-DAG: %[[W0:.*]] = "npu.constant"() {value = dense<{{.*}}[3]{{.*}}[5]{{.*}}> : tensor<2x1x1x1xi8>}
// CHECK-DAG: %[[B0:.*]] = "npu.constant"() {value = dense<[1, 2]> : tensor<2xi32>}
// CHECK: %[[X:.*]] = "npu.conv2d"(%arg0, %[[W0]], %[[B0]]) {{.*}} -> tensor<1x2x2x2xi8>
// CHECK-DAG: %[[W1:.*]] = "npu.constant"() {value = dense<{{.*}}[6, 8]{{.*}}> : tensor<1x1x1x2xi8>}
// CHECK-DAG: %[[B1:.*]] = "npu.constant"() {value = dense<24> : tensor<1xi32>}
// CHECK: "npu.conv2d"(%[[X]], %[[W1]], %[[B1]])
// EIGHT-LABEL: func.func @never_changes
// EIGHT: -> tensor<1x2x2x3xi8>
func.func @never_changes(%x: tensor<1x2x2x1xi8>) -> tensor<1x2x2x1xi8> {
  %w0 = "npu.constant"() {value = dense<[[[[3]]], [[[0]]], [[[5]]]]> : tensor<3x1x1x1xi8>} : () -> tensor<3x1x1x1xi8>
  %b0 = "npu.constant"() {value = dense<[1, 4, 2]> : tensor<3xi32>} : () -> tensor<3xi32>
  %w1 = "npu.constant"() {value = dense<[[[[6, 7, 8]]]]> : tensor<1x1x1x3xi8>} : () -> tensor<1x1x1x3xi8>
  %b1 = "npu.constant"() {value = dense<10> : tensor<1xi32>} : () -> tensor<1xi32>
  %0 = "npu.conv2d"(%x, %w0, %b0) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #r, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x2x2x1xi8>, tensor<3x1x1x1xi8>, tensor<3xi32>) -> tensor<1x2x2x3xi8>
  %1 = "npu.conv2d"(%0, %w1, %b1) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #r, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x2x2x3xi8>, tensor<1x1x1x3xi8>, tensor<1xi32>) -> tensor<1x2x2x1xi8>
  return %1 : tensor<1x2x2x1xi8>
}

// -----

#r = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>
#relu = #npu.scale<{double_round = false, hi = 127 : i64, lo = 0 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>

// The border has no share in a channel of 2, so the channel stays.
// CHECK-LABEL: func.func @padded
// CHECK: "npu.conv2d"({{.*}} -> tensor<1x2x2x3xi8>
func.func @padded(%x: tensor<1x2x2x1xi8>) -> tensor<1x2x2x1xi8> {
  %w0 = "npu.constant"() {value = dense<[[[[3]]], [[[0]]], [[[5]]]]> : tensor<3x1x1x1xi8>} : () -> tensor<3x1x1x1xi8>
  %b0 = "npu.constant"() {value = dense<[1, 4, 2]> : tensor<3xi32>} : () -> tensor<3xi32>
  %w1 = "npu.constant"() {value = dense<1> : tensor<1x3x3x3xi8>} : () -> tensor<1x3x3x3xi8>
  %b1 = "npu.constant"() {value = dense<10> : tensor<1xi32>} : () -> tensor<1xi32>
  %0 = "npu.conv2d"(%x, %w0, %b0) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #r, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x2x2x1xi8>, tensor<3x1x1x1xi8>, tensor<3xi32>) -> tensor<1x2x2x3xi8>
  %1 = "npu.conv2d"(%0, %w1, %b1) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 1, 1, 1>, rescale = #r, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x2x2x3xi8>, tensor<1x3x3x3xi8>, tensor<1xi32>) -> tensor<1x2x2x1xi8>
  return %1 : tensor<1x2x2x1xi8>
}

// -----

#r = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>
#relu = #npu.scale<{double_round = false, hi = 127 : i64, lo = 0 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>

// One that holds the zero point goes: (x - 400) / 2 is below 0 for every x, and bounds begin at 0.
// CHECK-LABEL: func.func @padded_with_zero_point
// CHECK: "npu.conv2d"({{.*}} -> tensor<1x2x2x2xi8>
func.func @padded_with_zero_point(%x: tensor<1x2x2x1xi8>) -> tensor<1x2x2x1xi8> {
  %w0 = "npu.constant"() {value = dense<[[[[3]]], [[[1]]], [[[5]]]]> : tensor<3x1x1x1xi8>} : () -> tensor<3x1x1x1xi8>
  %b0 = "npu.constant"() {value = dense<[1, -400, 2]> : tensor<3xi32>} : () -> tensor<3xi32>
  %w1 = "npu.constant"() {value = dense<1> : tensor<1x3x3x3xi8>} : () -> tensor<1x3x3x3xi8>
  %b1 = "npu.constant"() {value = dense<10> : tensor<1xi32>} : () -> tensor<1xi32>
  %0 = "npu.conv2d"(%x, %w0, %b0) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #relu, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x2x2x1xi8>, tensor<3x1x1x1xi8>, tensor<3xi32>) -> tensor<1x2x2x3xi8>
  %1 = "npu.conv2d"(%0, %w1, %b1) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 1, 1, 1>, rescale = #r, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x2x2x3xi8>, tensor<1x3x3x3xi8>, tensor<1xi32>) -> tensor<1x2x2x1xi8>
  return %1 : tensor<1x2x2x1xi8>
}

// -----

#r = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>
#relu = #npu.scale<{double_round = false, hi = 127 : i64, lo = 0 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>

// Nobody reads the middle channel of the sum, so neither layer before it makes it; the one that only fed it goes with it.
// CHECK-LABEL: func.func @not_read
// CHECK: "npu.conv2d"({{.*}} -> tensor<1x2x2x2xi8>
// CHECK: "npu.conv2d"({{.*}} -> tensor<1x2x2x2xi8>
// CHECK: "npu.add"({{.*}} -> tensor<1x2x2x2xi8>
// CHECK: "npu.conv2d"({{.*}} tensor<1x1x1x2xi8>
func.func @not_read(%x: tensor<1x2x2x1xi8>) -> tensor<1x2x2x1xi8> {
  %w0 = "npu.constant"() {value = dense<[[[[3]]], [[[9]]], [[[5]]]]> : tensor<3x1x1x1xi8>} : () -> tensor<3x1x1x1xi8>
  %b0 = "npu.constant"() {value = dense<[1, 4, 2]> : tensor<3xi32>} : () -> tensor<3xi32>
  %w1 = "npu.constant"() {value = dense<[[[[6, 0, 8]]]]> : tensor<1x1x1x3xi8>} : () -> tensor<1x1x1x3xi8>
  %b1 = "npu.constant"() {value = dense<10> : tensor<1xi32>} : () -> tensor<1xi32>
  %0 = "npu.conv2d"(%x, %w0, %b0) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #r, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x2x2x1xi8>, tensor<3x1x1x1xi8>, tensor<3xi32>) -> tensor<1x2x2x3xi8>
  %1 = "npu.conv2d"(%x, %w0, %b0) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #r, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x2x2x1xi8>, tensor<3x1x1x1xi8>, tensor<3xi32>) -> tensor<1x2x2x3xi8>
  %2 = "npu.add"(%0, %1) {left_shift = 20 : i64, rescale = #r, scale_a = array<i64: 1073741824, 30>, scale_b = array<i64: 1073741824, 30>, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x2x2x3xi8>, tensor<1x2x2x3xi8>) -> tensor<1x2x2x3xi8>
  %3 = "npu.conv2d"(%2, %w1, %b1) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #r, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x2x2x3xi8>, tensor<1x1x1x3xi8>, tensor<1xi32>) -> tensor<1x2x2x1xi8>
  return %3 : tensor<1x2x2x1xi8>
}

// -----

#r = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>
#relu = #npu.scale<{double_round = false, hi = 127 : i64, lo = 0 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>

// The caller sees every channel of a result, whatever it holds, and gives every channel of an argument.
// CHECK-LABEL: func.func @edges
// CHECK: "npu.conv2d"({{.*}} (tensor<1x2x2x3xi8>, tensor<2x1x1x3xi8>, tensor<2xi32>) -> tensor<1x2x2x2xi8>
func.func @edges(%x: tensor<1x2x2x3xi8>) -> tensor<1x2x2x2xi8> {
  %w0 = "npu.constant"() {value = dense<[[[[3, 0, 1]]], [[[0, 0, 0]]]]> : tensor<2x1x1x3xi8>} : () -> tensor<2x1x1x3xi8>
  %b0 = "npu.constant"() {value = dense<[1, 4]> : tensor<2xi32>} : () -> tensor<2xi32>
  %0 = "npu.conv2d"(%x, %w0, %b0) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #r, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x2x2x3xi8>, tensor<2x1x1x3xi8>, tensor<2xi32>) -> tensor<1x2x2x2xi8>
  return %0 : tensor<1x2x2x2xi8>
}
