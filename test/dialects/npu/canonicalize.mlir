// SPDX-License-Identifier: Apache-2.0
// Ops are pure: equal ones are one, unused ones go; a parameter more or less makes them differ.
// RUN: %npu-opt %s --pass-pipeline='builtin.module(canonicalize,cse)' | FileCheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8>, tensor<4xi8>) {
  // CHECK-NEXT: %[[A:.*]] = "npu.clamp"(%arg0) {hi = 6 : i64, lo = 0 : i64}
  %a = "npu.clamp"(%x) {hi = 6 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %b = "npu.clamp"(%x) {hi = 6 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  // CHECK-NEXT: %[[C:.*]] = "npu.clamp"(%arg0) {hi = 7 : i64, lo = 0 : i64}
  %c = "npu.clamp"(%x) {hi = 7 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %unused = "npu.clamp"(%x) {hi = 8 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  // CHECK-NEXT: return %[[A]], %[[A]], %[[C]]
  return %a, %b, %c : tensor<4xi8>, tensor<4xi8>, tensor<4xi8>
}
