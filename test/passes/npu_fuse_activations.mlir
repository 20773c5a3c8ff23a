// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-fuse-activations --split-input-file --mlir-print-debuginfo | FileCheck %s
// RUN: npu-opt %s --npu-fuse-activations --split-input-file --validate > /dev/null

#one = #npu.scale<{double_round = false, hi = 100 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 30>, zp_out = 0 : i64}>

// The bounds of the rescale become the tighter ones; the layer keeps its name.
// CHECK-LABEL: func.func @mul
// CHECK-NEXT: "npu.mul"({{.*}}) {rescale = #npu.scale<{double_round = false, hi = 100 : i64, lo = 3 : i64, {{.*}} loc(#[[LOC:.*]])
// CHECK-NOT: npu.clamp
// CHECK-DAG: #[[MUL:.*]] = loc("layer.mul")
// CHECK-DAG: #[[LOC]] = loc(fused[#[[MUL]], #{{.*}}])
func.func @mul(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = "npu.mul"(%x, %x) {rescale = #one, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8> loc("layer.mul")
  %1 = "npu.clamp"(%0) {hi = 127 : i64, lo = 3 : i64} : (tensor<4xi8>) -> tensor<4xi8> loc("layer.relu")
  return %1 : tensor<4xi8>
}

// -----

// Bounds that do not meet leave one value.
// CHECK-LABEL: func.func @apart
// CHECK-NEXT: "npu.clamp"(%arg0) {hi = 20 : i64, lo = 20 : i64}
// CHECK-NEXT: return
func.func @apart(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = "npu.clamp"(%x) {hi = 10 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %1 = "npu.clamp"(%0) {hi = 30 : i64, lo = 20 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  return %1 : tensor<4xi8>
}

// -----

// What else reads the value before the clamp keeps the clamp; a clamp of a clamp reads past it.
// CHECK-LABEL: func.func @two_readers
// CHECK-NEXT: %[[Q:.*]] = "npu.quantize"
// CHECK-NEXT: %[[A:.*]] = "npu.clamp"(%[[Q]]) {hi = 127 : i64, lo = 0 : i64}
// CHECK-NEXT: %[[B:.*]] = "npu.clamp"(%[[Q]]) {hi = 50 : i64, lo = 0 : i64}
// CHECK-NEXT: return %[[Q]], %[[A]], %[[B]]
func.func @two_readers(%x: tensor<4xf32>) -> (tensor<4xi8>, tensor<4xi8>, tensor<4xi8>) {
  %0 = "npu.quantize"(%x) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xf32>) -> tensor<4xi8>
  %1 = "npu.clamp"(%0) {hi = 127 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %2 = "npu.clamp"(%1) {hi = 50 : i64, lo = -10 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  return %0, %1, %2 : tensor<4xi8>, tensor<4xi8>, tensor<4xi8>
}

// -----

// Quantize and max_pool2d have bounds of their own. A clamp that changes nothing goes.
// CHECK-LABEL: func.func @own_bounds
// CHECK-NEXT: %[[Q:.*]] = "npu.quantize"(%arg0) {hi = 60 : i64, lo = 0 : i64
// CHECK-NEXT: %[[P:.*]] = "npu.max_pool2d"(%[[Q]]) {hi = 50 : i64, {{.*}} lo = -128 : i64
// CHECK-NEXT: return %[[P]]
func.func @own_bounds(%x: tensor<1x2x2x1xf32>) -> tensor<1x1x1x1xi8> {
  %0 = "npu.quantize"(%x) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<1x2x2x1xf32>) -> tensor<1x2x2x1xi8>
  %1 = "npu.clamp"(%0) {hi = 60 : i64, lo = 0 : i64} : (tensor<1x2x2x1xi8>) -> tensor<1x2x2x1xi8>
  %2 = "npu.clamp"(%1) {hi = 60 : i64, lo = -5 : i64} : (tensor<1x2x2x1xi8>) -> tensor<1x2x2x1xi8>
  %3 = "npu.max_pool2d"(%2) {hi = 127 : i64, kernel = array<i64: 2, 2>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x2x2x1xi8>) -> tensor<1x1x1x1xi8>
  %4 = "npu.clamp"(%3) {hi = 50 : i64, lo = -128 : i64} : (tensor<1x1x1x1xi8>) -> tensor<1x1x1x1xi8>
  return %4 : tensor<1x1x1x1xi8>
}
