// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file --verify-diagnostics

// The layer's name stands outside, ATen's inside; such a place has no line.
func.func @flipped(%arg0: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error @unknown {{layer 'block/flip' has no form on the NPU}}
  %0 = "npu.dequantize"(%arg0) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xi8>) -> tensor<4xf32>
  %1 = "npu.float_op"(%0) {kind = "flip", params = {axes = [0]}} : (tensor<4xf32>) -> tensor<4xf32> loc("block/flip"("aten.flip.default"))
  %2 = "npu.quantize"(%1) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xf32>) -> tensor<4xi8>
  return %2 : tensor<4xi8>
}

// -----

// The remainder of two activations: the op itself is named, not the constants and empty tensors around it.
#map = affine_map<(d0) -> (d0)>
func.func @remainder(%arg0: tensor<4xi8>, %arg1: tensor<4xi8>) -> tensor<4xi8> {
  %a = "npu.dequantize"(%arg0) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xi8>) -> tensor<4xf32>
  %b = "npu.dequantize"(%arg1) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xi8>) -> tensor<4xf32>
  %empty = tensor.empty() : tensor<4xf32>
  // expected-error @+1 {{'linalg.generic' has no form on the NPU}}
  %0 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%a, %b : tensor<4xf32>, tensor<4xf32>) outs(%empty : tensor<4xf32>) {
  ^bb0(%in: f32, %in_0: f32, %out: f32):
    %1 = arith.remf %in, %in_0 : f32
    linalg.yield %1 : f32
  } -> tensor<4xf32>
  %2 = "npu.quantize"(%0) {hi = 127 : i64, lo = -128 : i64, scale = 0.5 : f64, zp = 0 : i64} : (tensor<4xf32>) -> tensor<4xi8>
  return %2 : tensor<4xi8>
}
