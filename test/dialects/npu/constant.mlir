// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @well_formed() -> tensor<2x2xi8> {
  %y = "npu.constant"() {value = dense<[[1, 2], [3, -4]]> : tensor<2x2xi8>} : () -> tensor<2x2xi8>
  %placed = "npu.constant"() {value = dense<5> : tensor<2x2xi8>} : () -> tensor<2x2xi8, #npu.space<"dram", 64, 0, "nhwc">>
  return %y : tensor<2x2xi8>
}

// -----

func.func @bad() -> tensor<2x2xi8> {
  // expected-error@+1 {{'npu.constant' op value has type tensor<4xi8>, wanted that of the result, tensor<2x2xi8>}}
  %y = "npu.constant"() {value = dense<1> : tensor<4xi8>} : () -> tensor<2x2xi8>
  return %y : tensor<2x2xi8>
}

// -----

func.func @bad() -> tensor<2x2xi8> {
  // expected-error@+1 {{'npu.constant' op attribute 'value' is 3 : i64, wanted dense<…>}}
  %y = "npu.constant"() {value = 3 : i64} : () -> tensor<2x2xi8>
  return %y : tensor<2x2xi8>
}
