// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%a: tensor<1x8x8x4xi8>, %b: tensor<4xi8>) -> tensor<1x8x8x4xi8> {
  %y = "npu.add"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, scale_a = array<i64: 1073741824, 11>, scale_b = array<i64: 1073741824, 12>, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%a: tensor<1x8x8x4xi8>, %b: tensor<3xi8>) -> tensor<1x8x8x4xi8> {
  // expected-error@+1 {{'npu.add' op operands are 1x8x8x4xi8 and 3xi8, wanted shapes that broadcast}}
  %y = "npu.add"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, scale_a = array<i64: 1073741824, 11>, scale_b = array<i64: 1073741824, 12>, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<3xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%a: tensor<1x8x8x4xi8>, %b: tensor<4xi8>) -> tensor<1x8x8x4xi8> {
  // expected-error@+1 {{'npu.add' op scale_a has shift 1, wanted 2..62}}
  %y = "npu.add"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, scale_a = array<i64: 1073741824, 1>, scale_b = array<i64: 1073741824, 12>, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%a: tensor<1x8x8x4xi8>, %b: tensor<4xi8>) -> tensor<1x8x8x4xi8> {
  // expected-error@+1 {{'npu.add' op scale_b has multiplier -5, wanted [0, 2**31)}}
  %y = "npu.add"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, scale_a = array<i64: 1073741824, 11>, scale_b = array<i64: -5, 12>, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%a: tensor<1x8x8x4xi8>, %b: tensor<4xi8>) -> tensor<1x8x8x1xi8> {
  // expected-error@+1 {{'npu.add' op result is 1x8x8x1xi8, wanted 1x8x8x4xi8}}
  %y = "npu.add"(%a, %b) {rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 40>, zp_out = 3 : i64}>, scale_a = array<i64: 1073741824, 11>, scale_b = array<i64: 1073741824, 12>, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<1x8x8x4xi8>, tensor<4xi8>) -> tensor<1x8x8x1xi8>
  return %y : tensor<1x8x8x1xi8>
}
