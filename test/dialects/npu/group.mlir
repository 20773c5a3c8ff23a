// SPDX-License-Identifier: Apache-2.0
// A group survives canonicalize and cse, keeps what it captures, and goes when nobody asks for its results.
// RUN: %npu-opt %s --pass-pipeline='builtin.module(canonicalize,cse)' | FileCheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8, #npu.space<"sram", 0, 0, "nhwc">>) {
  // CHECK: %[[G:.*]] = "npu.group"() ({
  // CHECK-NEXT: %[[Y:.*]] = "npu.clamp"(%arg0)
  // CHECK-NEXT: %[[Z:.*]] = "npu.copy"(%[[Y]])
  // CHECK-NEXT: %[[T:.*]] = builtin.unrealized_conversion_cast %[[Y]], %[[Z]]
  // CHECK-NEXT: "npu.yield"(%[[T]])
  // CHECK-NEXT: }) {info = {name = "stem"}}
  %g = "npu.group"() ({
    %y = "npu.clamp"(%x) {hi = 6 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
    %z = "npu.copy"(%y) {operandSegmentSizes = array<i32: 1, 0>, resultSegmentSizes = array<i32: 1, 0>} : (tensor<4xi8>) -> tensor<4xi8, #npu.space<"sram", 0, 0, "nhwc">>
    %t = builtin.unrealized_conversion_cast %y, %z : tensor<4xi8>, tensor<4xi8, #npu.space<"sram", 0, 0, "nhwc">> to tuple<tensor<4xi8>, tensor<4xi8, #npu.space<"sram", 0, 0, "nhwc">>>
    "npu.yield"(%t) : (tuple<tensor<4xi8>, tensor<4xi8, #npu.space<"sram", 0, 0, "nhwc">>>) -> ()
  }) {info = {name = "stem"}} : () -> tuple<tensor<4xi8>, tensor<4xi8, #npu.space<"sram", 0, 0, "nhwc">>>
  %0:2 = builtin.unrealized_conversion_cast %g : tuple<tensor<4xi8>, tensor<4xi8, #npu.space<"sram", 0, 0, "nhwc">>> to tensor<4xi8>, tensor<4xi8, #npu.space<"sram", 0, 0, "nhwc">>
  // CHECK-NOT: npu.group
  %unused = "npu.group"() ({
    %y = "npu.clamp"(%x) {hi = 7 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
    "npu.yield"(%y) : (tensor<4xi8>) -> ()
  }) {info = {}} : () -> tensor<4xi8>
  return %0#0, %0#1 : tensor<4xi8>, tensor<4xi8, #npu.space<"sram", 0, 0, "nhwc">>
}
