// SPDX-License-Identifier: Apache-2.0
// Copies to one place are one copy; copies to different memories stay apart.
// RUN: %npu-opt %s --pass-pipeline='builtin.module(canonicalize,cse)' | FileCheck %s
// RUN: %npu-opt %s --pass-pipeline='builtin.module(canonicalize,cse)' | %npu-opt - | FileCheck %s

#sram = #npu.space<"sram", 0, 0, "nhwc">
#dram = #npu.space<"dram", 0, 0, "nhwc">
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<4xi8>, %b: tensor<2xi32>) -> (tensor<4xi8, #sram>, tensor<4xi8, #sram>, tensor<4xi8, #dram>, tensor<2xi32, #sram>) {
  // CHECK: %[[S:.*]] = "npu.copy"(%arg0) {{.*}} -> tensor<4xi8, #npu.space<"sram", 0 : i64, 0 : i64, "nhwc">>
  %0 = "npu.copy"(%x) {operandSegmentSizes = array<i32: 1, 0>, resultSegmentSizes = array<i32: 1, 0>} : (tensor<4xi8>) -> tensor<4xi8, #sram>
  %1 = "npu.copy"(%x) {operandSegmentSizes = array<i32: 1, 0>, resultSegmentSizes = array<i32: 1, 0>} : (tensor<4xi8>) -> tensor<4xi8, #sram>
  // CHECK-NEXT: %[[D:.*]] = "npu.copy"(%arg0) {{.*}} -> tensor<4xi8, #npu.space<"dram", 0 : i64, 0 : i64, "nhwc">>
  %2 = "npu.copy"(%x) {operandSegmentSizes = array<i32: 1, 0>, resultSegmentSizes = array<i32: 1, 0>} : (tensor<4xi8>) -> tensor<4xi8, #dram>
  // CHECK-NEXT: %[[P:.*]]:2 = "npu.copy"(%arg0, %arg1)
  %3:2 = "npu.copy"(%x, %b) {operandSegmentSizes = array<i32: 1, 1>, resultSegmentSizes = array<i32: 1, 1>} : (tensor<4xi8>, tensor<2xi32>) -> (tensor<4xi8, #sram>, tensor<2xi32, #sram>)
  // CHECK-NEXT: return %[[S]], %[[S]], %[[D]], %[[P]]#1
  return %0, %1, %2, %3#1 : tensor<4xi8, #sram>, tensor<4xi8, #sram>, tensor<4xi8, #dram>, tensor<2xi32, #sram>
}
