// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-set-target=name=edge-256 --npu-partition=force-host=clamp --check-contracts | FileCheck %s
// RUN: not npu-opt %s --npu-set-target=name=edge-256 --npu-partition=force-host=clomp 2>&1 | FileCheck %s --check-prefix=WRONG

// WRONG: there is no layer or op 'clomp' to put on the host
// WRONG: did you mean clamp?

// CHECK-LABEL: func.func @named
// CHECK-NEXT: "npu.rescale"{{.*}}npu.device = "npu"
// CHECK-NEXT: "npu.clamp"{{.*}}npu.device = "host", npu.reason = "put on the host by name"
// CHECK-NEXT: "npu.pad"{{.*}}npu.device = "npu"
func.func @named(%x: tensor<1x4x4x8xi8>) -> tensor<1x5x4x8xi8> {
  %0 = "npu.rescale"(%x) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 30>, zp_out = 1 : i64}>, zp_x = 0 : i64} : (tensor<1x4x4x8xi8>) -> tensor<1x4x4x8xi8>
  %1 = "npu.clamp"(%0) {hi = 60 : i64, lo = 0 : i64} : (tensor<1x4x4x8xi8>) -> tensor<1x4x4x8xi8>
  %2 = "npu.pad"(%1) {pads = array<i64: 0, 0, 1, 0, 0, 0, 0, 0>, value = 0 : i64} : (tensor<1x4x4x8xi8>) -> tensor<1x5x4x8xi8>
  return %2 : tensor<1x5x4x8xi8>
}
