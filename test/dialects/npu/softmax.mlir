// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x10xi8>) -> tensor<1x10xi8> {
  %y = "npu.softmax"(%input) {scale = 1.250000e-01 : f64} : (tensor<1x10xi8>) -> tensor<1x10xi8>
  return %y : tensor<1x10xi8>
}

// -----

func.func @bad(%input: tensor<1x10xi8>) -> tensor<1x10xi8> {
  // expected-error@+1 {{'npu.softmax' op scale is 0.0, wanted a finite value above 0}}
  %y = "npu.softmax"(%input) {scale = 0.000000e+00 : f64} : (tensor<1x10xi8>) -> tensor<1x10xi8>
  return %y : tensor<1x10xi8>
}

// -----

func.func @bad(%input: tensor<1x10xi8>) -> tensor<1x10xi8> {
  // expected-error@+1 {{'npu.softmax' op scale is 1, wanted a number}}
  %y = "npu.softmax"(%input) {scale = 1 : i64} : (tensor<1x10xi8>) -> tensor<1x10xi8>
  return %y : tensor<1x10xi8>
}
