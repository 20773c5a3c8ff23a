// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed(%input: tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8> {
  %y = "npu.clamp"(%input) {hi = 61 : i64, lo = -3 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8> {
  // expected-error@+1 {{'npu.clamp' op bounds are 62..61, wanted lo <= hi}}
  %y = "npu.clamp"(%input) {hi = 61 : i64, lo = 62 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8> {
  // expected-error@+1 {{'npu.clamp' op hi is 6.1, wanted an integer}}
  %y = "npu.clamp"(%input) {hi = 6.1 : f64, lo = -3 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}

// -----

func.func @bad(%input: tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8> {
  // expected-error@+1 {{'npu.clamp' op attribute 'lo' is missing}}
  %y = "npu.clamp"(%input) {hi = 61 : i64} : (tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8>
  return %y : tensor<1x8x8x4xi8>
}
