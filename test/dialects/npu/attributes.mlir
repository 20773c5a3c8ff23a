// SPDX-License-Identifier: Apache-2.0
// Own attributes print as they are read, on their own, in types and nested.
// RUN: %npu-opt %s | FileCheck %s
// RUN: %npu-opt %s | %npu-opt - | FileCheck %s

// CHECK: module attributes {npu.target = #npu.target<"edge-256", {sram_bytes = 524288 : i64}>}
module attributes {npu.target = #npu.target<"edge-256", {sram_bytes = 524288}>} {
  // CHECK: func.func @placed(%{{.*}}: tensor<1x4x4x8xi8, #npu.space<"sram", 1024 : i64, 3 : i64, "nhwc">>
  // CHECK-SAME: memref<1x4x4x8xi8, #npu.space<"dram", -1 : i64, 0 : i64, "nhwc">>
  // CHECK-SAME: npu.schedule = #npu.schedule<{bound = 1.500000e+00 : f64, groups = [{keep = false, name = "stem", ops = [0, 1]}]}>
  func.func @placed(%x: tensor<1x4x4x8xi8, #npu.space<"sram", 1024, 3, "nhwc">>, %m: memref<1x4x4x8xi8, #npu.space<"dram", -1, 0, "nhwc">>)
      attributes {npu.schedule = #npu.schedule<{groups = [{name = "stem", ops = [0, 1], keep = false}], bound = 1.5}>} {
    return
  }
  // CHECK: npu.example = #npu.scale<{double_round = true, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824, 0>, shift = array<i64: 40, 2>, zp_out = 3 : i64}>
  func.func private @scale() attributes {
    npu.example = #npu.scale<{multiplier = array<i64: 1073741824, 0>, shift = array<i64: 40, 2>, zp_out = 3, lo = -128, hi = 127, double_round = true}>
  }
}
