// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x10xf32>) -> tensor<1x10xi8> {
  %y = "npu.quantize"(%input) {hi = 127 : i64, lo = -128 : i64, scale = 5.000000e-01 : f64, zp = 3 : i64} : (tensor<1x10xf32>) -> tensor<1x10xi8>
  return %y : tensor<1x10xi8>
}

// -----

func.func @bad(%input: tensor<1x10xf32>) -> tensor<1x10xui8> {
  // expected-error@+1 {{'npu.quantize' op lo is -128, wanted 0..255}}
  %y = "npu.quantize"(%input) {hi = 127 : i64, lo = -128 : i64, scale = 5.000000e-01 : f64, zp = 3 : i64} : (tensor<1x10xf32>) -> tensor<1x10xui8>
  return %y : tensor<1x10xui8>
}

// -----

func.func @bad(%input: tensor<1x10xf32>) -> tensor<1x10xf32> {
  // expected-error@+1 {{'npu.quantize' op result has element type f32, wanted i8 or ui8 or i16}}
  %y = "npu.quantize"(%input) {hi = 127 : i64, lo = -128 : i64, scale = 5.000000e-01 : f64, zp = 3 : i64} : (tensor<1x10xf32>) -> tensor<1x10xf32>
  return %y : tensor<1x10xf32>
}

// -----

func.func @bad(%input: tensor<1x10xf32>) -> tensor<1x10xi8> {
  // expected-error@+1 {{'npu.quantize' op scale is -0.5, wanted a finite value above 0}}
  %y = "npu.quantize"(%input) {hi = 127 : i64, lo = -128 : i64, scale = -5.000000e-01 : f64, zp = 3 : i64} : (tensor<1x10xf32>) -> tensor<1x10xi8>
  return %y : tensor<1x10xi8>
}
