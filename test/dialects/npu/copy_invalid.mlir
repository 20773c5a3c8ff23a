// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @bad(%x: tensor<4xi8>) -> tensor<5xi8> {
  // expected-error@+1 {{'npu.copy' op result 0 has type tensor<5xi8>, wanted shape and element type of its operand, tensor<4xi8>}}
  %0 = "npu.copy"(%x) {operandSegmentSizes = array<i32: 1, 0>, resultSegmentSizes = array<i32: 1, 0>} : (tensor<4xi8>) -> tensor<5xi8>
  return %0 : tensor<5xi8>
}

// -----

func.func @bad(%x: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error@+1 {{'npu.copy' op has 2 operands and 1 results, wanted as many}}
  %0 = "npu.copy"(%x, %x) {operandSegmentSizes = array<i32: 1, 1>, resultSegmentSizes = array<i32: 1, 0>} : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}
