// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-tile --npu-place-buffers | FileCheck %s
// RUN: npu-opt %s --npu-tile --npu-place-buffers --validate --check-contracts > /dev/null
// RUN: sed 's/sram_bytes = 524288/sram_bytes = 1280/' %s | not npu-opt --npu-tile --npu-place-buffers 2>&1 | FileCheck %s --check-prefix=REFUSED
// RUN: sed 's/sram_bytes = 524288/sram_bytes = 1296/' %s | npu-opt --npu-tile --npu-place-buffers | FileCheck %s --check-prefix=TIGHT

// Input 256 bytes, parameters 656, a ring of 128, the result 256: all alive together, so they lie side by side.
// CHECK: npu.placement = {bound_sram_bytes = 1296 : i64, buffers = 4 : i64, dram_bytes = 512 : i64, found_by = "first fit", live_sram_bytes = 1296 : i64, optimal = true, peak_sram_bytes = 1296 : i64}
// CHECK: "npu.copy"(%arg0) {{.*}} -> tensor<1x8x4x8xi8, #npu.space<"dram", 0 : i64, 0 : i64, "nhwc">>
// CHECK: "npu.copy"{{.*}} -> tensor<1x5x4x8xi8, #npu.space<"sram", [[#INPUT:]] : i64, 0 : i64, "nhwc">>
// One transfer brings weights and bias, packed at one address.
// CHECK: "npu.copy"(%0, %1) {{.*}} -> (tensor<8x3x3x8xi8, #npu.space<"sram", [[#PARAMS:]] : i64, 0 : i64, "nhwc">>, tensor<8xi32, #npu.space<"sram", [[#PARAMS]] : i64, 0 : i64, "nhwc">>)
// CHECK: "npu.conv2d"{{.*}} -> tensor<1x4x4x8xi8, #npu.space<"sram", [[#RING:]] : i64, 4 : i64, "nhwc">>
// What is inserted shares its place with the whole.
// CHECK: tensor.insert_slice {{.*}} into tensor<1x8x4x8xi8, #npu.space<"sram", [[#RING]] : i64, 4 : i64, "nhwc">>
// CHECK: "npu.clamp"{{.*}} -> tensor<1x4x4x8xi8, #npu.space<"sram", [[#RESULT:]] : i64, 0 : i64, "nhwc">>
// CHECK: "npu.copy"{{.*}} -> tensor<1x4x4x8xi8, #npu.space<"dram", 256 : i64, 0 : i64, "nhwc">>
// The second stripe finds everything where it was.
// CHECK: "npu.conv2d"({{.*}}) {{.*}}: (tensor<1x5x4x8xi8, #npu.space<"sram", [[#INPUT]] : i64, 0 : i64, "nhwc">>, tensor<8x3x3x8xi8, #npu.space<"sram", [[#PARAMS]] : i64, 0 : i64, "nhwc">>, {{.*}} -> tensor<1x4x4x8xi8, #npu.space<"sram", [[#RING]] : i64, 4 : i64, "nhwc">>
// CHECK: "npu.clamp"{{.*}} -> tensor<1x4x4x8xi8, #npu.space<"sram", [[#RESULT]] : i64, 0 : i64, "nhwc">>

// REFUSED: error: [NPU400] the tiles of {{.*}}main{{.*}} do not fit in the SRAM of edge-256
// REFUSED: found: 1296 bytes (live ranges alone need 1296)
// REFUSED: wanted: at most 1280 bytes

// TIGHT: peak_sram_bytes = 1296 : i64
#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 36>, zp_out = 0 : i64}>

module attributes {npu.target = #npu.target<"edge-256", {sram_bytes = 524288 : i64}>} {
func.func @main(%x: tensor<1x8x4x8xi8>) -> tensor<1x8x4x8xi8> attributes {npu.schedule = #npu.schedule<{fetch = [], groups = [{ahead = true, chunks = [1, 1], keep = [], nodes = [0, 1], outer = "rows", stream = [false, false], stripe_rows = 4 : i64}]}>} {
  %w = "npu.constant"() {value = dense<2> : tensor<8x3x3x8xi8>} : () -> tensor<8x3x3x8xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<8xi32>} : () -> tensor<8xi32>
  %0 = "npu.conv2d"(%x, %w, %b) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 1, 1, 1>, rescale = #one, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 0 : i64} : (tensor<1x8x4x8xi8>, tensor<8x3x3x8xi8>, tensor<8xi32>) -> tensor<1x8x4x8xi8> loc("stem.conv")
  %1 = "npu.clamp"(%0) {hi = 60 : i64, lo = 0 : i64} : (tensor<1x8x4x8xi8>) -> tensor<1x8x4x8xi8> loc("stem.relu")
  return %1 : tensor<1x8x4x8xi8>
}
}
