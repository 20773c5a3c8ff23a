// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x10xi8>) -> tensor<1x10xf32> {
  %y = "npu.dequantize"(%input) {scale = 5.000000e-01 : f64, zp = 3 : i64} : (tensor<1x10xi8>) -> tensor<1x10xf32>
  return %y : tensor<1x10xf32>
}

// -----

func.func @bad(%input: tensor<1x10xi8>) -> tensor<1x10xf32> {
  // expected-error@+1 {{'npu.dequantize' op zp is 128, wanted -128..127}}
  %y = "npu.dequantize"(%input) {scale = 5.000000e-01 : f64, zp = 128 : i64} : (tensor<1x10xi8>) -> tensor<1x10xf32>
  return %y : tensor<1x10xf32>
}

// -----

func.func @bad(%input: tensor<1x10xi8>) -> tensor<1x10xf64> {
  // expected-error@+1 {{'npu.dequantize' op result is 1x10xf64, wanted 1x10xf32}}
  %y = "npu.dequantize"(%input) {scale = 5.000000e-01 : f64, zp = 3 : i64} : (tensor<1x10xi8>) -> tensor<1x10xf64>
  return %y : tensor<1x10xf64>
}
