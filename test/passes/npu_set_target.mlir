// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-set-target=name=edge-256 | FileCheck %s
// RUN: npu-opt %s --pass-pipeline='builtin.module(npu-set-target{name=edge-256 sram-kib=64})' | FileCheck %s --check-prefix=SMALL
// RUN: not npu-opt %s --npu-set-target=name=edge-257 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not npu-opt %s --npu-set-target="name=edge-256 sram-kib=0" 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not npu-opt %s --npu-set-target 2>&1 | FileCheck %s --check-prefix=MISSING

// CHECK: module attributes {npu.target = #npu.target<"edge-256", {sram_bytes = 524288 : i64}>}
// SMALL: module attributes {npu.target = #npu.target<"edge-256", {sram_bytes = 65536 : i64}>}
// UNKNOWN: error: [NPU102] there is no target 'edge-257'
// UNKNOWN: wanted: edge-2048, edge-256, pico-64
// ZERO: error: [NPU102] the SRAM capacity is not usable
// MISSING: error: [NPU100] pass 'npu-set-target' needs option 'name'
func.func @main(%x: tensor<4xi8>) -> tensor<4xi8> {
  return %x : tensor<4xi8>
}
