// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-set-target=name=edge-256 --npu-partition --split-input-file --check-contracts | FileCheck %s
// RUN: not npu-opt %s --npu-partition --split-input-file 2>&1 | FileCheck %s --check-prefix=NOTARGET

// NOTARGET: error: [NPU100] the module names no target

// Quantize and dequantize stand at the edges, with the layout changes beside them.
// CHECK-LABEL: func.func @edges
// CHECK-NEXT: "npu.quantize"{{.*}}npu.device = "host", npu.reason = "edge-256 has no instruction for quantize"
// CHECK-NEXT: "npu.transpose"{{.*}}npu.device = "host", npu.reason = "layout at the program's edge"
// CHECK-NEXT: "npu.clamp"{{.*}}npu.device = "npu"
// CHECK-NOT: npu.reason
// CHECK-SAME: ->
// CHECK-NEXT: "npu.reshape"{{.*}}npu.device = "host"
// CHECK-NEXT: "npu.dequantize"{{.*}}npu.device = "host"
func.func @edges(%x: tensor<1x3x4x4xf32>) -> tensor<1x48xf32> {
  %0 = "npu.quantize"(%x) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xi8>
  %1 = "npu.transpose"(%0) {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x3x4x4xi8>) -> tensor<1x4x4x3xi8>
  %2 = "npu.clamp"(%1) {hi = 60 : i64, lo = 0 : i64} : (tensor<1x4x4x3xi8>) -> tensor<1x4x4x3xi8>
  %3 = "npu.reshape"(%2) : (tensor<1x4x4x3xi8>) -> tensor<1x48xi8>
  %4 = "npu.dequantize"(%3) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<1x48xi8>) -> tensor<1x48xf32>
  return %4 : tensor<1x48xf32>
}

// -----

// A transpose of bytes that nothing on the host touches is the NPU's.
// CHECK-LABEL: func.func @bytes
// CHECK-NEXT: "npu.transpose"{{.*}}npu.device = "npu"
func.func @bytes(%x: tensor<2x3xi8>) -> tensor<3x2xi8> {
  %0 = "npu.transpose"(%x) {perm = array<i64: 1, 0>} : (tensor<2x3xi8>) -> tensor<3x2xi8>
  return %0 : tensor<3x2xi8>
}

// -----

// A float function in the middle is the host's, with the layout changes beside it; what is around it stays the NPU's.
// CHECK-LABEL: func.func @middle
// CHECK-NEXT: "npu.clamp"{{.*}}npu.device = "npu"
// CHECK-NEXT: "npu.dequantize"{{.*}}npu.device = "host", npu.reason = "edge-256 has no instruction for dequantize"
// CHECK-NEXT: "npu.reshape"{{.*}}npu.device = "host"
// CHECK-NEXT: "npu.quantize"{{.*}}npu.device = "host"
// CHECK-NEXT: "npu.transpose"{{.*}}npu.device = "host", npu.reason = "layout beside an op of the host"
// CHECK-NEXT: "npu.clamp"{{.*}}npu.device = "npu"
func.func @middle(%x: tensor<4xi8>) -> tensor<2x2xi8> {
  %0 = "npu.clamp"(%x) {hi = 60 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xi8>) -> tensor<4xf32>
  %2 = "npu.reshape"(%1) : (tensor<4xf32>) -> tensor<2x2xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 0.25 : f64, zp = 0 : i64} : (tensor<2x2xf32>) -> tensor<2x2xi8>
  %4 = "npu.transpose"(%3) {perm = array<i64: 1, 0>} : (tensor<2x2xi8>) -> tensor<2x2xi8>
  %5 = "npu.clamp"(%4) {hi = 60 : i64, lo = 0 : i64} : (tensor<2x2xi8>) -> tensor<2x2xi8>
  return %5 : tensor<2x2xi8>
}

// -----

// A reshape between the NPU and the end is the same tensor under another shape: nobody runs it, so it has no reason.
// CHECK-LABEL: func.func @view
// CHECK-NEXT: "npu.clamp"{{.*}}npu.device = "npu"
// CHECK-NEXT: "npu.reshape"{{.*}}npu.device = "host"
// CHECK-NOT: npu.reason
// CHECK: return
func.func @view(%x: tensor<4xi8>) -> tensor<2x2xi8> {
  %0 = "npu.clamp"(%x) {hi = 60 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %1 = "npu.reshape"(%0) : (tensor<4xi8>) -> tensor<2x2xi8>
  return %1 : tensor<2x2xi8>
}

// -----

// Not where the NPU reads it, nor where the first shape is wanted too.
// CHECK-LABEL: func.func @read
// CHECK-NEXT: "npu.clamp"{{.*}}npu.device = "npu"
// CHECK-NEXT: "npu.reshape"{{.*}}npu.device = "npu"
// CHECK-NEXT: "npu.clamp"{{.*}}npu.device = "npu"
// CHECK-NEXT: "npu.reshape"{{.*}}npu.device = "npu"
func.func @read(%x: tensor<4xi8>) -> (tensor<2x2xi8>, tensor<1x4xi8>) {
  %0 = "npu.clamp"(%x) {hi = 60 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %1 = "npu.reshape"(%0) : (tensor<4xi8>) -> tensor<2x2xi8>
  %2 = "npu.clamp"(%1) {hi = 50 : i64, lo = 0 : i64} : (tensor<2x2xi8>) -> tensor<2x2xi8>
  %3 = "npu.reshape"(%2) : (tensor<2x2xi8>) -> tensor<1x4xi8>
  return %2, %3 : tensor<2x2xi8>, tensor<1x4xi8>
}
