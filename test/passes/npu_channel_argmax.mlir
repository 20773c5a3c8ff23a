// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-set-target=name=edge-256 --npu-channel-argmax --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-set-target=name=edge-256 --npu-channel-argmax --split-input-file --validate > /dev/null
// RUN: npu-opt %s --npu-channel-argmax --split-input-file | FileCheck %s --check-prefix=ANY

// The channels are searched already; what is not kept goes afterwards. Without a machine nothing changes.
// CHECK-LABEL: func.func @last
// CHECK: %[[Y:.*]] = "npu.argmax"(%arg0) {axis = 3 : i64, keepdims = true} : (tensor<1x3x4x5xi8>) -> tensor<1x3x4x1xi64>
// CHECK: "npu.reshape"(%[[Y]]) : (tensor<1x3x4x1xi64>) -> tensor<1x3x4xi64>
// ANY-LABEL: func.func @last
// ANY: "npu.argmax"(%arg0) {axis = 3 : i64, keepdims = false}
func.func @last(%x: tensor<1x3x4x5xi8>) -> tensor<1x3x4xi64> {
  %0 = "npu.argmax"(%x) {axis = 3 : i64, keepdims = false} : (tensor<1x3x4x5xi8>) -> tensor<1x3x4xi64>
  return %0 : tensor<1x3x4xi64>
}

// -----

// Another dimension goes last; a kept one comes back by a reshape.
// CHECK-LABEL: func.func @moved
// CHECK: %[[X:.*]] = "npu.transpose"(%arg0) {perm = array<i64: 0, 2, 3, 1>}
// CHECK: %[[Y:.*]] = "npu.argmax"(%[[X]]) {axis = 3 : i64, keepdims = true} : (tensor<1x3x4x5xi8>) -> tensor<1x3x4x1xi32>
// CHECK: "npu.reshape"(%[[Y]]) : (tensor<1x3x4x1xi32>) -> tensor<1x1x3x4xi32>
func.func @moved(%x: tensor<1x5x3x4xi8>) -> tensor<1x1x3x4xi32> {
  %0 = "npu.argmax"(%x) {axis = 1 : i64, keepdims = true} : (tensor<1x5x3x4xi8>) -> tensor<1x1x3x4xi32>
  return %0 : tensor<1x1x3x4xi32>
}

// -----

// CHECK-LABEL: func.func @vector
// CHECK: "npu.argmax"(%arg0) {axis = 0 : i64, keepdims = true} : (tensor<7xi16>) -> tensor<1xi64>
// CHECK: "npu.reshape"{{.*}} -> tensor<i64>
func.func @vector(%x: tensor<7xi16>) -> tensor<i64> {
  %0 = "npu.argmax"(%x) {axis = 0 : i64, keepdims = false} : (tensor<7xi16>) -> tensor<i64>
  return %0 : tensor<i64>
}

// -----

// Already in its form.
// CHECK-LABEL: func.func @kept
// CHECK: "npu.argmax"(%arg0)
// CHECK-NOT: npu.reshape
func.func @kept(%x: tensor<2x5xi8>) -> tensor<2x1xi64> {
  %0 = "npu.argmax"(%x) {axis = 1 : i64, keepdims = true} : (tensor<2x5xi8>) -> tensor<2x1xi64>
  return %0 : tensor<2x1xi64>
}

// -----

// Floats are the host's.
// CHECK-LABEL: func.func @floats
// CHECK: "npu.argmax"(%arg0) {axis = 1 : i64, keepdims = false}
func.func @floats(%x: tensor<2x5xf32>) -> tensor<2xi64> {
  %0 = "npu.argmax"(%x) {axis = 1 : i64, keepdims = false} : (tensor<2x5xf32>) -> tensor<2xi64>
  return %0 : tensor<2xi64>
}

// -----

// A transpose of five dimensions, which the machine refuses, is not worth it.
// CHECK-LABEL: func.func @deep
// CHECK: "npu.argmax"(%arg0) {axis = 1 : i64
func.func @deep(%x: tensor<2x5x2x2x2xi8>) -> tensor<2x2x2x2xi64> {
  %0 = "npu.argmax"(%x) {axis = 1 : i64, keepdims = false} : (tensor<2x5x2x2x2xi8>) -> tensor<2x2x2x2xi64>
  return %0 : tensor<2x2x2x2xi64>
}

// -----

// Real values stand in the order of their codes, which are searched; who else reads them finds them.
// CHECK-LABEL: func.func @codes
// CHECK: %[[R:.*]] = "npu.dequantize"(%arg0)
// CHECK: %[[Y:.*]] = "npu.argmax"(%arg0) {axis = 1 : i64, keepdims = true} : (tensor<2x5xi8>) -> tensor<2x1xi64>
// CHECK: return %[[R]]
// ANY-LABEL: func.func @codes
// ANY: "npu.argmax"(%arg0) {axis = 1 : i64, keepdims = false} : (tensor<2x5xi8>)
func.func @codes(%x: tensor<2x5xi8>) -> (tensor<2x5xf32>, tensor<2xi64>) {
  %0 = "npu.dequantize"(%x) {scale = 0.5 : f64, zp = 3 : i64} : (tensor<2x5xi8>) -> tensor<2x5xf32>
  %1 = "npu.argmax"(%0) {axis = 1 : i64, keepdims = false} : (tensor<2x5xf32>) -> tensor<2xi64>
  return %0, %1 : tensor<2x5xf32>, tensor<2xi64>
}

// -----

// A scale so small that two codes may share a value.
// CHECK-LABEL: func.func @underflow
// CHECK: %[[R:.*]] = "npu.dequantize"
// CHECK: "npu.argmax"(%[[R]])
func.func @underflow(%x: tensor<2x5xi8>) -> tensor<2xi64> {
  %0 = "npu.dequantize"(%x) {scale = 1.0e-40 : f64, zp = 3 : i64} : (tensor<2x5xi8>) -> tensor<2x5xf32>
  %1 = "npu.argmax"(%0) {axis = 1 : i64, keepdims = false} : (tensor<2x5xf32>) -> tensor<2xi64>
  return %1 : tensor<2xi64>
}
