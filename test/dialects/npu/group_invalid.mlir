// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --split-input-file --verify-diagnostics

func.func @bad(%x: tensor<4xi8>) -> tensor<5xi8> {
  // expected-error@+1 {{'npu.group' op yields tensor<4xi8>, wanted the type of the result, tensor<5xi8>}}
  %g = "npu.group"() ({
    "npu.yield"(%x) : (tensor<4xi8>) -> ()
  }) {info = {}} : () -> tensor<5xi8>
  return %g : tensor<5xi8>
}

// -----

func.func @bad(%x: tensor<4xi8>) -> tensor<4xi8> {
  %g = "npu.group"() ({
    // expected-error@+1 {{block with no terminator}}
    %y = "npu.clamp"(%x) {hi = 6 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  }) {info = {}} : () -> tensor<4xi8>
  return %g : tensor<4xi8>
}

// -----

func.func @bad(%x: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error@+1 {{'npu.group' op attribute 'info' is 3 : i64, wanted a dictionary}}
  %g = "npu.group"() ({
    "npu.yield"(%x) : (tensor<4xi8>) -> ()
  }) {info = 3} : () -> tensor<4xi8>
  return %g : tensor<4xi8>
}

// -----

func.func @bad(%x: tensor<4xi8>) {
  // expected-error@+1 {{'npu.yield' op stands outside of npu.group}}
  "npu.yield"(%x) : (tensor<4xi8>) -> ()
}
