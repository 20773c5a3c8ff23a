// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-fold-constants --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-fold-constants --split-input-file --validate > /dev/null

// Weights that are laid out anew are laid out now.
// CHECK-LABEL: func.func @transpose
// CHECK-NEXT: %[[C:.*]] = "npu.constant"() {value = dense<{{\[\[}}1, 4], [2, 5], [3, 6]]> : tensor<3x2xi8>}
// CHECK-NEXT: return %[[C]]
func.func @transpose() -> tensor<3x2xi8> {
  %0 = "npu.constant"() {value = dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi8>} : () -> tensor<2x3xi8>
  %1 = "npu.transpose"(%0) {perm = array<i64: 1, 0>} : (tensor<2x3xi8>) -> tensor<3x2xi8>
  return %1 : tensor<3x2xi8>
}

// -----

// Chains fold to their end; float constants too.
// CHECK-LABEL: func.func @chain
// CHECK-NEXT: "npu.constant"() {value = dense<[9, 1, 2, 9]> : tensor<4xi8>}
// CHECK-NEXT: return
func.func @chain() -> tensor<4xi8> {
  %0 = "npu.constant"() {value = dense<[[0.5, 1.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %1 = "npu.quantize"(%0) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<1x2xf32>) -> tensor<1x2xi8>
  %2 = "npu.reshape"(%1) : (tensor<1x2xi8>) -> tensor<2xi8>
  %3 = "npu.pad"(%2) {pads = array<i64: 1, 1>, value = 9 : i64} : (tensor<2xi8>) -> tensor<4xi8>
  return %3 : tensor<4xi8>
}

// -----

// An op with an operand that is not known stays.
// CHECK-LABEL: func.func @stays
// CHECK: "npu.concat"
func.func @stays(%x: tensor<2xi8>) -> tensor<4xi8> {
  %0 = "npu.constant"() {value = dense<[1, 2]> : tensor<2xi8>} : () -> tensor<2xi8>
  %1 = "npu.concat"(%0, %x) {axis = 0 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} : (tensor<2xi8>, tensor<2xi8>) -> tensor<4xi8>
  return %1 : tensor<4xi8>
}

// -----

// A fold that would blow the program up stays an op.
// CHECK-LABEL: func.func @large
// CHECK: "npu.pad"
func.func @large() -> tensor<2000000xi8> {
  %0 = "npu.constant"() {value = dense<1> : tensor<2xi8>} : () -> tensor<2xi8>
  %1 = "npu.pad"(%0) {pads = array<i64: 0, 1999998>, value = 0 : i64} : (tensor<2xi8>) -> tensor<2000000xi8>
  return %1 : tensor<2000000xi8>
}

// -----

// A value without dimensions keeps none.
// CHECK-LABEL: func.func @scalar
// CHECK-NEXT: %[[C:.*]] = "npu.constant"() {value = dense<7> : tensor<i8>} : () -> tensor<i8>
// CHECK-NEXT: return %[[C]] : tensor<i8>
func.func @scalar() -> tensor<i8> {
  %0 = "npu.constant"() {value = dense<7> : tensor<1x1xi8>} : () -> tensor<1x1xi8>
  %1 = "npu.reshape"(%0) : (tensor<1x1xi8>) -> tensor<i8>
  return %1 : tensor<i8>
}

// -----

// What has no value is nothing to compute.
// CHECK-LABEL: func.func @outside
// CHECK: "npu.gather"
func.func @outside() -> tensor<1xi8> {
  %0 = "npu.constant"() {value = dense<[1, 2]> : tensor<2xi8>} : () -> tensor<2xi8>
  %1 = "npu.constant"() {value = dense<2> : tensor<1xi32>} : () -> tensor<1xi32>
  %2 = "npu.gather"(%0, %1) {axis = 0 : i64, batch_dims = 0 : i64} : (tensor<2xi8>, tensor<1xi32>) -> tensor<1xi8>
  return %2 : tensor<1xi8>
}
