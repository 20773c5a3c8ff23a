// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-fuse-pads --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-fuse-pads --split-input-file --validate > /dev/null

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>

// A border of the zero point is the convolution's padding; both borders add up.
// CHECK-LABEL: func.func @conv2d
// CHECK-NOT: npu.pad
// CHECK: "npu.conv2d"(%arg0, {{.*}} pads = array<i64: 2, 1, 1, 2>
func.func @conv2d(%x: tensor<1x4x4x1xi8>) -> tensor<1x5x5x1xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<1x3x3x1xi8>} : () -> tensor<1x3x3x1xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<1xi32>} : () -> tensor<1xi32>
  %0 = "npu.pad"(%x) {pads = array<i64: 0, 0, 1, 0, 1, 1, 0, 0>, value = 5 : i64} : (tensor<1x4x4x1xi8>) -> tensor<1x5x6x1xi8>
  %1 = "npu.conv2d"(%0, %w, %b) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 1, 0, 1>, rescale = #one, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 5 : i64} : (tensor<1x5x6x1xi8>, tensor<1x3x3x1xi8>, tensor<1xi32>) -> tensor<1x5x5x1xi8>
  return %1 : tensor<1x5x5x1xi8>
}

// -----

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>

// CHECK-LABEL: func.func @depthwise
// CHECK-NOT: npu.pad
// CHECK: "npu.depthwise_conv2d"(%arg0, {{.*}} pads = array<i64: 1, 1, 1, 1>
func.func @depthwise(%x: tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<3x3x2xi8>} : () -> tensor<3x3x2xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>
  %0 = "npu.pad"(%x) {pads = array<i64: 0, 0, 1, 1, 1, 1, 0, 0>, value = 5 : i64} : (tensor<1x4x4x2xi8>) -> tensor<1x6x6x2xi8>
  %1 = "npu.depthwise_conv2d"(%0, %w, %b) {dilation = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, rescale = #one, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 5 : i64} : (tensor<1x6x6x2xi8>, tensor<3x3x2xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>
  return %1 : tensor<1x4x4x2xi8>
}

// -----

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>

// Another value than the zero point is no padding.
// CHECK-LABEL: func.func @other_value
// CHECK: npu.pad
func.func @other_value(%x: tensor<1x4x4x1xi8>) -> tensor<1x4x4x1xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<1x3x3x1xi8>} : () -> tensor<1x3x3x1xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<1xi32>} : () -> tensor<1xi32>
  %0 = "npu.pad"(%x) {pads = array<i64: 0, 0, 1, 1, 1, 1, 0, 0>, value = 0 : i64} : (tensor<1x4x4x1xi8>) -> tensor<1x6x6x1xi8>
  %1 = "npu.conv2d"(%0, %w, %b) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #one, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 5 : i64} : (tensor<1x6x6x1xi8>, tensor<1x3x3x1xi8>, tensor<1xi32>) -> tensor<1x4x4x1xi8>
  return %1 : tensor<1x4x4x1xi8>
}

// -----

// A border of -128 never wins a maximum. The clamp says that one of -100 does not either.
// CHECK-LABEL: func.func @max_pool
// CHECK-NOT: npu.pad
// CHECK: "npu.max_pool2d"(%arg0) {{.*}} pads = array<i64: 1, 1, 1, 1>
// CHECK: %[[C:.*]] = "npu.clamp"
// CHECK: "npu.max_pool2d"(%[[C]]) {{.*}} pads = array<i64: 1, 1, 1, 1>
func.func @max_pool(%x: tensor<1x4x4x2xi8>) -> (tensor<1x2x2x2xi8>, tensor<1x2x2x2xi8>) {
  %0 = "npu.pad"(%x) {pads = array<i64: 0, 0, 1, 1, 1, 1, 0, 0>, value = -128 : i64} : (tensor<1x4x4x2xi8>) -> tensor<1x6x6x2xi8>
  %1 = "npu.max_pool2d"(%0) {hi = 127 : i64, kernel = array<i64: 4, 4>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x6x6x2xi8>) -> tensor<1x2x2x2xi8>
  %2 = "npu.clamp"(%x) {hi = 127 : i64, lo = -100 : i64} : (tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8>
  %3 = "npu.pad"(%2) {pads = array<i64: 0, 0, 1, 1, 1, 1, 0, 0>, value = -100 : i64} : (tensor<1x4x4x2xi8>) -> tensor<1x6x6x2xi8>
  %4 = "npu.max_pool2d"(%3) {hi = 127 : i64, kernel = array<i64: 4, 4>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x6x6x2xi8>) -> tensor<1x2x2x2xi8>
  return %1, %4 : tensor<1x2x2x2xi8>, tensor<1x2x2x2xi8>
}

// -----

// Without a bound from below a border of 0 may win.
// CHECK-LABEL: func.func @max_pool_zero
// CHECK: npu.pad
func.func @max_pool_zero(%x: tensor<1x4x4x2xi8>) -> tensor<1x2x2x2xi8> {
  %0 = "npu.pad"(%x) {pads = array<i64: 0, 0, 1, 1, 1, 1, 0, 0>, value = 0 : i64} : (tensor<1x4x4x2xi8>) -> tensor<1x6x6x2xi8>
  %1 = "npu.max_pool2d"(%0) {hi = 127 : i64, kernel = array<i64: 4, 4>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x6x6x2xi8>) -> tensor<1x2x2x2xi8>
  return %1 : tensor<1x2x2x2xi8>
}

// -----

#mean = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 32>, zp_out = 0 : i64}>

// The divisor counted the border, as count_include_pad does.
// CHECK-LABEL: func.func @avg_pool
// CHECK-NOT: npu.pad
// CHECK: "npu.avg_pool2d"(%arg0) {count_include_pad = true, {{.*}} pads = array<i64: 1, 1, 1, 1>
func.func @avg_pool(%x: tensor<1x4x4x2xi8>) -> tensor<1x3x3x2xi8> {
  %0 = "npu.pad"(%x) {pads = array<i64: 0, 0, 1, 1, 1, 1, 0, 0>, value = 5 : i64} : (tensor<1x4x4x2xi8>) -> tensor<1x6x6x2xi8>
  %1 = "npu.avg_pool2d"(%0) {count_include_pad = false, kernel = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, rescale = #mean, strides = array<i64: 2, 2>, zp_x = 5 : i64} : (tensor<1x6x6x2xi8>) -> tensor<1x3x3x2xi8>
  return %1 : tensor<1x3x3x2xi8>
}

// -----

// Borders of channels are no window's, and a window of one pixel takes no padding.
// CHECK-LABEL: func.func @stays
// CHECK: npu.pad
// CHECK: npu.pad
func.func @stays(%x: tensor<1x4x4x2xi8>) -> (tensor<1x2x2x3xi8>, tensor<1x6x6x2xi8>) {
  %0 = "npu.pad"(%x) {pads = array<i64: 0, 0, 0, 0, 0, 0, 0, 1>, value = -128 : i64} : (tensor<1x4x4x2xi8>) -> tensor<1x4x4x3xi8>
  %1 = "npu.max_pool2d"(%0) {hi = 127 : i64, kernel = array<i64: 2, 2>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x4x4x3xi8>) -> tensor<1x2x2x3xi8>
  %2 = "npu.pad"(%x) {pads = array<i64: 0, 0, 1, 1, 1, 1, 0, 0>, value = -128 : i64} : (tensor<1x4x4x2xi8>) -> tensor<1x6x6x2xi8>
  %3 = "npu.max_pool2d"(%2) {hi = 127 : i64, kernel = array<i64: 1, 1>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x6x6x2xi8>) -> tensor<1x6x6x2xi8>
  return %1, %3 : tensor<1x2x2x3xi8>, tensor<1x6x6x2xi8>
}

// -----

// Pads of one value are one; a pad of nothing goes.
// CHECK-LABEL: func.func @pad
// CHECK-NEXT: "npu.pad"(%arg0) {pads = array<i64: 3, 1>, value = 4 : i64}
// CHECK-NEXT: return
func.func @pad(%x: tensor<2xi8>) -> tensor<6xi8> {
  %0 = "npu.pad"(%x) {pads = array<i64: 1, 0>, value = 4 : i64} : (tensor<2xi8>) -> tensor<3xi8>
  %1 = "npu.pad"(%0) {pads = array<i64: 0, 0>, value = 0 : i64} : (tensor<3xi8>) -> tensor<3xi8>
  %2 = "npu.pad"(%1) {pads = array<i64: 2, 1>, value = 4 : i64} : (tensor<3xi8>) -> tensor<6xi8>
  return %2 : tensor<6xi8>
}
