// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a: tensor<1x4x4x8xi8>, %b: tensor<8xi8>) -> tensor<1x4x4x8xi8> {
  %y = "npu.minimum"(%a, %b) : (tensor<1x4x4x8xi8>, tensor<8xi8>) -> tensor<1x4x4x8xi8>
  return %y : tensor<1x4x4x8xi8>
}

// -----

func.func @bad(%a: tensor<1x4x4x8xi8>, %b: tensor<7xi8>) -> tensor<1x4x4x8xi8> {
  // expected-error@+1 {{'npu.minimum' op operands are 1x4x4x8xi8 and 7xi8, wanted shapes that broadcast}}
  %y = "npu.minimum"(%a, %b) : (tensor<1x4x4x8xi8>, tensor<7xi8>) -> tensor<1x4x4x8xi8>
  return %y : tensor<1x4x4x8xi8>
}

// -----

func.func @bad(%a: tensor<1x4x4x8xi8>, %b: tensor<8xi16>) -> tensor<1x4x4x8xi8> {
  // expected-error@+1 {{'npu.minimum' op operand 'b' has element type i16, wanted i8}}
  %y = "npu.minimum"(%a, %b) : (tensor<1x4x4x8xi8>, tensor<8xi16>) -> tensor<1x4x4x8xi8>
  return %y : tensor<1x4x4x8xi8>
}
