// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%first: tensor<1x8x8x4xi8>, %second: tensor<1x8x8x2xi8>) -> tensor<1x8x8x6xi8> {
  %y = "npu.concat"(%first, %second) {axis = 3 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} : (tensor<1x8x8x4xi8>, tensor<1x8x8x2xi8>) -> tensor<1x8x8x6xi8>
  return %y : tensor<1x8x8x6xi8>
}

// -----

func.func @bad(%first: tensor<1x8x8x4xi8>, %second: tensor<1x8x8x2xi8>) -> tensor<1x8x8x6xi8> {
  // expected-error@+1 {{'npu.concat' op axis is 4, wanted 0..3}}
  %y = "npu.concat"(%first, %second) {axis = 4 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} : (tensor<1x8x8x4xi8>, tensor<1x8x8x2xi8>) -> tensor<1x8x8x6xi8>
  return %y : tensor<1x8x8x6xi8>
}

// -----

func.func @bad(%first: tensor<1x8x8x4xi8>, %second: tensor<1x8x7x2xi8>) -> tensor<1x8x8x6xi8> {
  // expected-error@+1 {{'npu.concat' op operand 1 is 1x8x7x2xi8, wanted the type of operand 0, 1x8x8x4xi8, but for dimension 3}}
  %y = "npu.concat"(%first, %second) {axis = 3 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} : (tensor<1x8x8x4xi8>, tensor<1x8x7x2xi8>) -> tensor<1x8x8x6xi8>
  return %y : tensor<1x8x8x6xi8>
}

// -----

func.func @bad(%first: tensor<1x8x8x4xi8>, %second: tensor<1x8x8x2xi8>) -> tensor<1x8x8x7xi8> {
  // expected-error@+1 {{'npu.concat' op result is 1x8x8x7xi8, wanted 1x8x8x6xi8}}
  %y = "npu.concat"(%first, %second) {axis = 3 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} : (tensor<1x8x8x4xi8>, tensor<1x8x8x2xi8>) -> tensor<1x8x8x7xi8>
  return %y : tensor<1x8x8x7xi8>
}
