// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a: tensor<2x3x4xi8>, %b: tensor<2x5x4xi8>) -> tensor<2x3x5xi8> {
  %y = "npu.matmul"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, transpose_a = false, transpose_b = true, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<2x3x4xi8>, tensor<2x5x4xi8>) -> tensor<2x3x5xi8>
  return %y : tensor<2x3x5xi8>
}

// -----

func.func @bad(%a: tensor<2x3x4xi8>, %b: tensor<2x5x4xi8>) -> tensor<2x3x5xi8> {
  // expected-error@+1 {{'npu.matmul' op a has 4 columns and b 5 rows, wanted as many}}
  %y = "npu.matmul"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, transpose_a = false, transpose_b = false, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<2x3x4xi8>, tensor<2x5x4xi8>) -> tensor<2x3x5xi8>
  return %y : tensor<2x3x5xi8>
}

// -----

func.func @bad(%a: tensor<2x3x4xi8>, %b: tensor<2x5x4xi8>) -> tensor<2x3x5xi8> {
  // expected-error@+1 {{'npu.matmul' op transpose_b is 1, wanted true or false}}
  %y = "npu.matmul"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, transpose_a = false, transpose_b = 1 : i64, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<2x3x4xi8>, tensor<2x5x4xi8>) -> tensor<2x3x5xi8>
  return %y : tensor<2x3x5xi8>
}

// -----

func.func @bad(%a: tensor<2x3x4xi8>, %b: tensor<3x5x4xi8>) -> tensor<2x3x5xi8> {
  // expected-error@+1 {{'npu.matmul' op batch dimensions are (2,) and (3,), wanted equal or 1}}
  %y = "npu.matmul"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, transpose_a = false, transpose_b = true, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<2x3x4xi8>, tensor<3x5x4xi8>) -> tensor<2x3x5xi8>
  return %y : tensor<2x3x5xi8>
}

// -----

func.func @bad(%a: tensor<2x3x4xi8>, %b: tensor<5x4xi8>) -> tensor<2x3x5xi8> {
  // expected-error@+1 {{'npu.matmul' op operands have ranks 3 and 2, wanted the same}}
  %y = "npu.matmul"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, transpose_a = false, transpose_b = true, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<2x3x4xi8>, tensor<5x4xi8>) -> tensor<2x3x5xi8>
  return %y : tensor<2x3x5xi8>
}
