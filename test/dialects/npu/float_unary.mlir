// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<4xf32>) -> tensor<4xf32> {
  %y = "npu.float_unary"(%input) {arguments = array<f64: 1.000000e+00, 1.000000e+00, 5.000000e-01>, kind = "elu"} : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @bad(%input: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'npu.float_unary' op kind is 'digamma', wanted one of}}
  %y = "npu.float_unary"(%input) {arguments = array<f64: 1.000000e+00, 1.000000e+00, 5.000000e-01>, kind = "digamma"} : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @bad(%input: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'npu.float_unary' op 'leaky_relu' has 3 arguments, wanted 1: negative_slope}}
  %y = "npu.float_unary"(%input) {arguments = array<f64: 1.000000e+00, 1.000000e+00, 5.000000e-01>, kind = "leaky_relu"} : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @bad(%input: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'npu.float_unary' op arguments is (1, 1, 1), wanted numbers}}
  %y = "npu.float_unary"(%input) {arguments = array<i64: 1, 1, 1>, kind = "elu"} : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @bad(%input: tensor<4xf32>) -> tensor<4xi8> {
  // expected-error@+1 {{'npu.float_unary' op result is 4xi8, wanted 4xf32}}
  %y = "npu.float_unary"(%input) {arguments = array<f64: 1.000000e+00, 1.000000e+00, 5.000000e-01>, kind = "elu"} : (tensor<4xf32>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}
