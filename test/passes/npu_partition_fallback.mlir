// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-set-target=name=edge-256 --npu-partition=fallback=false --split-input-file --verify-diagnostics

// Quantize and dequantize stand at the edges, with the layout changes beside them.
func.func @edges(%x: tensor<1x3x4x4xf32>) -> tensor<1x48xf32> {
  %0 = "npu.quantize"(%x) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xi8>
  %1 = "npu.transpose"(%0) {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x3x4x4xi8>) -> tensor<1x4x4x3xi8>
  %2 = "npu.clamp"(%1) {hi = 60 : i64, lo = 0 : i64} : (tensor<1x4x4x3xi8>) -> tensor<1x4x4x3xi8>
  %3 = "npu.reshape"(%2) : (tensor<1x4x4x3xi8>) -> tensor<1x48xi8>
  %4 = "npu.dequantize"(%3) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<1x48xi8>) -> tensor<1x48xf32>
  return %4 : tensor<1x48xf32>
}

// -----

// Without fallback a float op between ops of the NPU cannot be placed.
func.func @middle(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = "npu.clamp"(%x) {hi = 60 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  // expected-error@+1 {{'npu.dequantize' cannot run on the NPU, and falling back to the host is switched off}}
  %1 = "npu.dequantize"(%0) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xi8>) -> tensor<4xf32>
  %2 = "npu.quantize"(%1) {hi = 127 : i64, lo = -128 : i64, scale = 0.25 : f64, zp = 0 : i64} : (tensor<4xf32>) -> tensor<4xi8>
  %3 = "npu.clamp"(%2) {hi = 60 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  return %3 : tensor<4xi8>
}
