// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-schedule=effort=0 | FileCheck %s
// RUN: npu-opt %s --npu-schedule --validate > /dev/null
// RUN: npu-opt %s --npu-set-target="name=edge-256 sram-kib=1" --npu-schedule | FileCheck %s --check-prefix=SMALL
// RUN: echo '{"groups": [{"nodes": [0, 1], "stripe_rows": 2, "chunks": [1, 1], "stream": [false, true], "keep": [], "outer": "rows", "ahead": false}], "fetch": []}' > %t.json
// RUN: npu-opt %s --npu-schedule=file=%t.json | FileCheck %s --check-prefix=REPLAY
// RUN: echo '{"groups": []}' > %t.wrong.json
// RUN: not npu-opt %s --npu-schedule=file=%t.wrong.json 2>&1 | FileCheck %s --check-prefix=WRONG
// RUN: not npu-opt %s --npu-schedule=file=%t.missing.json 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: sed 's/8x4x8x/8x400x8x/g' %s | not npu-opt - --npu-set-target="name=edge-256 sram-kib=4" --npu-schedule 2>&1 | FileCheck %s --check-prefix=REFUSED

// Both ops in one group and, where they fit, in one stripe; the function keeps its ops.
// CHECK: npu.schedule = #npu.schedule<{array_cycles = 72 : i64, bricks = false, capacity_bytes = 524288 : i64, compulsory_bytes = 1168 : i64, estimate_cycles = [[#]] : i64
// CHECK-SAME: groups = [{{{.*}}nodes = [0, 1]{{.*}}stripe_rows = 8 : i64}]
// CHECK-SAME: layers = [{{{.*}}macs = 18432 : i64, name = "stem.conv", op = "conv2d"}
// CHECK-SAME: network_bound_cycles = 146 : i64
// CHECK: "npu.conv2d"(%arg0
// CHECK: "npu.clamp"

// In 1 KiB they do not fit whole.
// SMALL: peak_sram_bytes = {{[0-9]{1,3}|10[01][0-9]|102[0-4]}} : i64
// SMALL: npu.conv2d

// What the file says is taken over and timed anew.
// REPLAY: groups = [{ahead = false, chunks = [1, 1], direct = [], far = [], keep = [], nodes = [0, 1], outer = "rows", stream = [false, true], stripe_rows = 2 : i64}]

// WRONG: error: [NPU100] the schedule is not for this network
// MISSING: error: [NPU100] the schedule file '{{.*}}' cannot be read
// REFUSED: error: [NPU400] layer 'stem.conv' (conv2d) does not fit in the SRAM of edge-256
// REFUSED: layer: stem.conv
// REFUSED: bytes short
// REFUSED: wanted: at most 4096 bytes
#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 36>, zp_out = 0 : i64}>

module attributes {npu.target = #npu.target<"edge-256", {sram_bytes = 524288 : i64}>} {
func.func @main(%x: tensor<1x8x4x8xi8>) -> tensor<1x8x4x8xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<8x3x3x8xi8>} : () -> tensor<8x3x3x8xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<8xi32>} : () -> tensor<8xi32>
  %0 = "npu.conv2d"(%x, %w, %b) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 1, 1, 1>, rescale = #one, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x8x4x8xi8>, tensor<8x3x3x8xi8>, tensor<8xi32>) -> tensor<1x8x4x8xi8> loc("stem.conv")
  %1 = "npu.clamp"(%0) {hi = 60 : i64, lo = 0 : i64} : (tensor<1x8x4x8xi8>) -> tensor<1x8x4x8xi8> loc("stem.relu")
  return %1 : tensor<1x8x4x8xi8>
}
}
