// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-set-target=name=edge-256 --npu-partition --split-input-file --check-contracts | FileCheck %s
// RUN: not npu-opt %s --npu-partition --split-input-file 2>&1 | FileCheck %s --check-prefix=NOTARGET

// NOTARGET: error: [NPU100] the module names no target

// Quantize and dequantize stand at the edges, with the layout changes beside them.
// CHECK-LABEL: func.func @edges
// CHECK-NEXT: "npu.quantize"{{.*}}npu.device = "host", npu.reason = "quantize runs on the host: quantize, wanted at the edge of the program;
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
