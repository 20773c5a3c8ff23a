// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-set-target=name=edge-256 --npu-partition --split-input-file --verify-diagnostics

// What was not raised is refused by name.
func.func @foreign(%x: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error@+1 {{'tosa.abs' is no op of npuc}}
  %0 = tosa.abs %x : (tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}

// -----

// Nor does an op of the dialect that neither device has.
func.func @float_op(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'npu.float_op erf' is no op of npuc}}
  %0 = "npu.float_op"(%x) {kind = "erf", params = {}} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
