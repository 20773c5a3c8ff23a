// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-cancel-layouts --canonicalize --cse --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-cancel-layouts --split-input-file --validate > /dev/null

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 32>, zp_out = 0 : i64}>

// Sinks through elementwise ops and meets its inverse.
// CHECK-LABEL: func.func @pair
// CHECK-NEXT: %[[P:.*]] = "npu.max_pool2d"(%arg0)
// CHECK-NEXT: %[[C:.*]] = "npu.clamp"(%[[P]])
// CHECK-NEXT: %[[M:.*]] = "npu.mul"(%[[C]], %[[C]])
// CHECK-NEXT: %[[Q:.*]] = "npu.max_pool2d"(%[[M]])
// CHECK-NEXT: return %[[Q]]
func.func @pair(%x: tensor<1x4x4x2xi8>) -> tensor<1x2x2x2xi8> {
  %0 = "npu.max_pool2d"(%x) {hi = 127 : i64, kernel = array<i64: 2, 2>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x4x4x2xi8>) -> tensor<1x3x3x2xi8>
  %1 = "npu.transpose"(%0) {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x3x3x2xi8>) -> tensor<1x2x3x3xi8>
  %2 = "npu.clamp"(%1) {hi = 60 : i64, lo = 0 : i64} : (tensor<1x2x3x3xi8>) -> tensor<1x2x3x3xi8>
  %3 = "npu.mul"(%2, %2) {rescale = #one, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x2x3x3xi8>, tensor<1x2x3x3xi8>) -> tensor<1x2x3x3xi8>
  %4 = "npu.transpose"(%3) {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x2x3x3xi8>) -> tensor<1x3x3x2xi8>
  %5 = "npu.max_pool2d"(%4) {hi = 127 : i64, kernel = array<i64: 2, 2>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x3x3x2xi8>) -> tensor<1x2x2x2xi8>
  return %5 : tensor<1x2x2x2xi8>
}

// -----

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 32>, zp_out = 0 : i64}>

// The other operand of an elementwise op is brought over, a per-channel one as well; axes, pads and starts move.
// CHECK-LABEL: func.func @remapped
// CHECK-NEXT: "npu.constant"() {value = dense<{{.*}}> : tensor<2x1x1xi8>}
// CHECK: "npu.mul"(%arg0, %{{.*}}) {{.*}} : (tensor<1x4x5x2xi8>, tensor<1x1x1x2xi8>) -> tensor<1x4x5x2xi8>
// CHECK-NEXT: "npu.pad"({{.*}}) {pads = array<i64: 0, 0, 3, 4, 5, 6, 1, 2>, value = 7 : i64}
// CHECK-NEXT: "npu.slice"({{.*}}) {sizes = array<i64: 1, 3, 4, 2>, starts = array<i64: 0, 2, 3, 1>, strides = array<i64: 1, 1, 2, 1>}
// CHECK-NEXT: "npu.mean"({{.*}}) {axes = array<i64: 1, 2>, keepdims = true
// CHECK-NEXT: %[[R:.*]] = "npu.reshape"
// CHECK-NEXT: return %[[R]]
func.func @remapped(%x: tensor<1x4x5x2xi8>) -> tensor<1x2x1x1xi8> {
  %c = "npu.constant"() {value = dense<[[[1]], [[2]]]> : tensor<2x1x1xi8>} : () -> tensor<2x1x1xi8>
  %0 = "npu.transpose"(%x) {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x4x5x2xi8>) -> tensor<1x2x4x5xi8>
  %1 = "npu.mul"(%0, %c) {rescale = #one, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x2x4x5xi8>, tensor<2x1x1xi8>) -> tensor<1x2x4x5xi8>
  %2 = "npu.pad"(%1) {pads = array<i64: 0, 0, 1, 2, 3, 4, 5, 6>, value = 7 : i64} : (tensor<1x2x4x5xi8>) -> tensor<1x5x11x16xi8>
  %3 = "npu.slice"(%2) {sizes = array<i64: 1, 2, 3, 4>, starts = array<i64: 0, 1, 2, 3>, strides = array<i64: 1, 1, 1, 2>} : (tensor<1x5x11x16xi8>) -> tensor<1x2x3x4xi8>
  %4 = "npu.mean"(%3) {axes = array<i64: 2, 3>, keepdims = true, rescale = #one, zp_x = 0 : i64} : (tensor<1x2x3x4xi8>) -> tensor<1x2x1x1xi8>
  return %4 : tensor<1x2x1x1xi8>
}

// -----

// Rises to the input through whatever computes in any layout; other readers get the old order behind.
// CHECK-LABEL: func.func @rises
// CHECK-NEXT: %[[T:.*]] = "npu.transpose"(%arg0) {perm = array<i64: 0, 2, 3, 1>}
// CHECK-NEXT: %[[C:.*]] = "npu.clamp"(%[[T]])
// CHECK-NEXT: %[[B:.*]] = "npu.transpose"(%[[C]]) {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: %[[P:.*]] = "npu.max_pool2d"(%[[C]])
// CHECK-NEXT: return %[[P]], %[[B]]
func.func @rises(%x: tensor<1x2x4x4xi8>) -> (tensor<1x3x3x2xi8>, tensor<1x2x4x4xi8>) {
  %0 = "npu.clamp"(%x) {hi = 60 : i64, lo = 0 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xi8>
  %1 = "npu.transpose"(%0) {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x2x4x4xi8>) -> tensor<1x4x4x2xi8>
  %2 = "npu.max_pool2d"(%1) {hi = 127 : i64, kernel = array<i64: 2, 2>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x4x4x2xi8>) -> tensor<1x3x3x2xi8>
  return %2, %0 : tensor<1x3x3x2xi8>, tensor<1x2x4x4xi8>
}

// -----

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 32>, zp_out = 0 : i64}>

// A flatten goes into the order of the weights' columns.
// CHECK-LABEL: func.func @flatten
// CHECK-NOT: npu.transpose
// CHECK: dense<{{\[\[}}1, 3, 2, 4]]> : tensor<1x4xi8>
// CHECK: "npu.reshape"(%arg0) : (tensor<1x1x2x2xi8>) -> tensor<1x4xi8>
// CHECK-NEXT: "npu.fully_connected"
func.func @flatten(%x: tensor<1x1x2x2xi8>) -> tensor<1x1xi8> {
  %w = "npu.constant"() {value = dense<[[1, 2, 3, 4]]> : tensor<1x4xi8>} : () -> tensor<1x4xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<1xi32>} : () -> tensor<1xi32>
  %0 = "npu.transpose"(%x) {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x1x2x2xi8>) -> tensor<1x2x1x2xi8>
  %1 = "npu.reshape"(%0) : (tensor<1x2x1x2xi8>) -> tensor<1x4xi8>
  %2 = "npu.fully_connected"(%1, %w, %b) {rescale = #one, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x4xi8>, tensor<1x4xi8>, tensor<1xi32>) -> tensor<1x1xi8>
  return %2 : tensor<1x1xi8>
}

// -----

// Only extents of 1 change place: a reshape, and one with the next.
// CHECK-LABEL: func.func @reshape
// CHECK-NEXT: %[[R:.*]] = "npu.reshape"(%arg0) : (tensor<1x1x1x8xi8>) -> tensor<1x8xi8>
// CHECK-NEXT: return %[[R]]
func.func @reshape(%x: tensor<1x1x1x8xi8>) -> tensor<1x8xi8> {
  %0 = "npu.transpose"(%x) {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x1x1x8xi8>) -> tensor<1x8x1x1xi8>
  %1 = "npu.reshape"(%0) : (tensor<1x8x1x1xi8>) -> tensor<1x8xi8>
  return %1 : tensor<1x8xi8>
}

// -----

// Blocks of dimensions that stay together pass a reshape.
// CHECK-LABEL: func.func @blocks
// CHECK-NEXT: %[[R:.*]] = "npu.reshape"(%arg0) : (tensor<1x3x5x8xi8>) -> tensor<1x15x8xi8>
// CHECK-NEXT: return %[[R]]
func.func @blocks(%x: tensor<1x3x5x8xi8>) -> tensor<1x15x8xi8> {
  %0 = "npu.transpose"(%x) {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x3x5x8xi8>) -> tensor<1x8x3x5xi8>
  %1 = "npu.reshape"(%0) : (tensor<1x8x3x5xi8>) -> tensor<1x8x15xi8>
  %2 = "npu.transpose"(%1) {perm = array<i64: 0, 2, 1>} : (tensor<1x8x15xi8>) -> tensor<1x15x8xi8>
  return %2 : tensor<1x15x8xi8>
}

// -----

// Floats are not moved where bytes can be.
// CHECK-LABEL: func.func @edges
// CHECK-NEXT: "npu.quantize"(%arg0)
// CHECK-NEXT: "npu.transpose"{{.*}} -> tensor<1x4x4x2xi8>
// CHECK-NEXT: "npu.max_pool2d"
// CHECK-NEXT: "npu.transpose"{{.*}} -> tensor<1x2x3x3xi8>
// CHECK-NEXT: "npu.dequantize"
func.func @edges(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "npu.quantize"(%x) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.transpose"(%0) {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x2x4x4xi8>) -> tensor<1x4x4x2xi8>
  %2 = "npu.max_pool2d"(%1) {hi = 127 : i64, kernel = array<i64: 2, 2>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x4x4x2xi8>) -> tensor<1x3x3x2xi8>
  %3 = "npu.transpose"(%2) {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x3x3x2xi8>) -> tensor<1x2x3x3xi8>
  %4 = "npu.dequantize"(%3) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<1x2x3x3xi8>) -> tensor<1x2x3x3xf32>
  return %4 : tensor<1x2x3x3xf32>
}
