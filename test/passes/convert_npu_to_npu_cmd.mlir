// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-tile --npu-place-buffers --convert-npu-to-npu-cmd | FileCheck %s
// RUN: npu-opt %s --npu-tile --npu-place-buffers --convert-npu-to-npu-cmd --validate --check-contracts > /dev/null
// RUN: npu-opt %s --npu-tile --npu-place-buffers --convert-npu-to-npu-cmd --mlir-print-debuginfo | FileCheck %s --check-prefix=NAMES

// One stripe: rows, then parameters into SRAM; the convolution waits for both, the clamp for the convolution, the store for the clamp.
// Off-chip memory holds 656 bytes of parameters from 0 on, the input behind them at 768, the result at 1024.
// CHECK-NOT: npu.group
// CHECK: "npu_cmd.segment"
// CHECK-NEXT: "npu_cmd.dma"() {dst = #npu_cmd.operand<"sram"{{.*}} queue = "dma0", src = #npu_cmd.operand<"dram", "i8", 768 : i64, array<i64: 1, 8, 4, 8>
// CHECK-NEXT: "npu_cmd.signal"() {queue = "dma0", semaphore = [[#LOAD:]] : i64}
// CHECK-NEXT: "npu_cmd.dma"() {dst = #npu_cmd.operand<"sram"{{.*}} queue = "dma1", src = #npu_cmd.operand<"dram", "i8", 0 : i64, array<i64: 1, 1, 1, 656>
// CHECK-NEXT: "npu_cmd.signal"() {queue = "dma1", semaphore = [[#DMA:]] : i64}
// CHECK-NEXT: "npu_cmd.wait"() {queue = "mac", semaphore = [[#DMA]] : i64, value = 1 : i64}
// CHECK-NEXT: "npu_cmd.wait"() {queue = "mac", semaphore = [[#LOAD]] : i64, value = 1 : i64}
// CHECK-NEXT: "npu_cmd.conv2d"() {{.*}}ifm = #npu_cmd.operand<"sram", "i8", [[#]] : i64, array<i64: 1, 8, 4, 8>, array<i64: 256, 32, 8, 1>, array<i64: 1, 1, 1, 1>{{.*}}ofm = #npu_cmd.operand<"sram", "i8", [[#MADE:]] : i64{{.*}}queue = "mac"
// CHECK-NEXT: "npu_cmd.signal"() {queue = "mac", semaphore = [[#MAC:]] : i64}
// CHECK-NEXT: "npu_cmd.wait"() {queue = "vector", semaphore = [[#MAC]] : i64, value = 1 : i64}
// CHECK-NEXT: "npu_cmd.elementwise"() {a = #npu_cmd.operand<"sram", "i8", [[#MADE]] : i64{{.*}}queue = "vector"
// CHECK-NEXT: "npu_cmd.signal"() {queue = "vector", semaphore = [[#VECTOR:]] : i64}
// CHECK-NEXT: "npu_cmd.wait"() {queue = "dma1", semaphore = [[#VECTOR]] : i64, value = 1 : i64}
// CHECK-NEXT: "npu_cmd.dma"() {dst = #npu_cmd.operand<"dram", "i8", 1024 : i64{{.*}}queue = "dma1", src = #npu_cmd.operand<"sram"
// CHECK-NEXT: "npu_cmd.end"
// CHECK-NEXT: {{.*}}dram_bytes = 1280 : i64, edge_memory = "dram", input_offsets = array<i64: 768>, output_offsets = array<i64: 1024>{{.*}}sram_bytes = [[#]] : i64
// CHECK-NOT: npu.copy
// CHECK: return %{{.*}} : tensor<1x8x4x8xi8>

// Each command carries its layer's name.
// NAMES: "npu_cmd.conv2d"{{.*}} loc([[CONV:#.*]])
// NAMES: "npu_cmd.elementwise"{{.*}} loc([[RELU:#.*]])
// NAMES-DAG: [[CONV]] = loc("stem.conv")
// NAMES-DAG: [[RELU]] = loc("stem.relu")
#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 36>, zp_out = 0 : i64}>

module attributes {npu.target = #npu.target<"edge-256", {sram_bytes = 524288 : i64}>} {
func.func @main(%x: tensor<1x8x4x8xi8>) -> tensor<1x8x4x8xi8> attributes {npu.schedule = #npu.schedule<{fetch = [], groups = [{ahead = true, chunks = [1, 1], keep = [], nodes = [0, 1], outer = "rows", stream = [false, false], stripe_rows = 8 : i64}]}>} {
  %w = "npu.constant"() {value = dense<2> : tensor<8x3x3x8xi8>} : () -> tensor<8x3x3x8xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<8xi32>} : () -> tensor<8xi32>
  %0 = "npu.conv2d"(%x, %w, %b) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 1, 1, 1>, rescale = #one, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x8x4x8xi8>, tensor<8x3x3x8xi8>, tensor<8xi32>) -> tensor<1x8x4x8xi8> loc("stem.conv")
  %1 = "npu.clamp"(%0) {hi = 60 : i64, lo = 0 : i64} : (tensor<1x8x4x8xi8>) -> tensor<1x8x4x8xi8> loc("stem.relu")
  return %1 : tensor<1x8x4x8xi8>
}
}
