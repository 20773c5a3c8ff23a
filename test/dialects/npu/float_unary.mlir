// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<4xf32>) -> tensor<4xf32> {
  %y = "npu.float_unary"(%input) {kind = "gelu"} : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @bad(%input: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'npu.float_unary' op kind is 'digamma', wanted one of abs, ceil, cos, erf, exp, floor, gelu, gelu_tanh, hard_sigmoid, hard_swish, log, neg, reciprocal, relu, relu6, rsqrt, sigmoid, silu, sin, softplus, sqrt, square, tanh}}
  %y = "npu.float_unary"(%input) {kind = "digamma"} : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @bad(%input: tensor<4xf32>) -> tensor<4xi8> {
  // expected-error@+1 {{'npu.float_unary' op result is 4xi8, wanted 4xf32}}
  %y = "npu.float_unary"(%input) {kind = "gelu"} : (tensor<4xf32>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}
