// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-tile | FileCheck %s
// RUN: npu-opt %s --npu-tile --validate --check-contracts > /dev/null
// RUN: npu-opt %s --npu-tile --mlir-print-debuginfo | FileCheck %s --check-prefix=NAMES
// RUN: sed 's/npu.schedule =/npu.other =/' %s | not npu-opt --npu-tile 2>&1 | FileCheck %s --check-prefix=MISSING

// Two stripes of four rows: the first convolution reads rows 0..4 with padding above, the second rows 3..7 with padding below. What
// it makes goes to a ring of four rows; the next rows of the input are loaded behind the first tile.
// CHECK: %[[X:.*]] = "npu.copy"(%arg0) {{.*}} -> tensor<1x8x4x8xi8, #npu.space<"dram", -1 : i64, 0 : i64, "nhwc">>
// CHECK: "npu.group"() ({
// CHECK-NEXT: tensor.extract_slice %[[X]][0, 0, 0, 0] [1, 5, 4, 8]
// CHECK-NEXT: "npu.copy"{{.*}} -> tensor<1x5x4x8xi8, #npu.space<"sram", -1 : i64, 0 : i64, "nhwc">>
// CHECK: %[[W:.*]]:2 = "npu.copy"(%0, %1)
// CHECK: "npu.conv2d"(%{{.*}}, %[[W]]#0, %[[W]]#1) {{.*}}pads = array<i64: 1, 0, 1, 1>{{.*}} -> tensor<1x4x4x8xi8, #npu.space<"sram", -1 : i64, 4 : i64, "nhwc">>
// CHECK: tensor.insert_slice {{.*}}[0, 0, 0, 0] [1, 4, 4, 8]
// CHECK: tensor.extract_slice %[[X]][0, 5, 0, 0] [1, 3, 4, 8]
// CHECK-NEXT: "npu.copy"
// CHECK: "npu.clamp"
// CHECK: "npu.copy"{{.*}} -> tensor<1x4x4x8xi8, #npu.space<"dram", -1 : i64, 0 : i64, "nhwc">>
// CHECK: tensor.extract_slice {{.*}}[0, 3, 0, 0] [1, 5, 4, 8]
// CHECK-NEXT: "npu.conv2d"({{.*}}, %[[W]]#0, %[[W]]#1) {{.*}}pads = array<i64: 0, 1, 1, 1>
// CHECK: tensor.insert_slice {{.*}}[0, 4, 0, 0] [1, 4, 4, 8]
// CHECK: "npu.clamp"
// CHECK: "npu.yield"
// CHECK: layers = ["stem.conv", "stem.relu"]
// CHECK: %[[Y:.*]] = "npu.copy"{{.*}} -> tensor<1x8x4x8xi8>
// CHECK-NEXT: return %[[Y]]

// NAMES: "npu.conv2d"{{.*}} loc([[CONV:#.*]])
// NAMES: "npu.clamp"{{.*}} loc([[RELU:#.*]])
// NAMES-DAG: [[CONV]] = loc("stem.conv")
// NAMES-DAG: [[RELU]] = loc("stem.relu")

// MISSING: error: [NPU100] the function has no schedule
// MISSING: advice: run npu-schedule first
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
