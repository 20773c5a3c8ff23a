// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// 1 / 16 is part of the rescale.
// CHECK-LABEL: func.func @height_and_width
// CHECK: "npu.mean"(%{{.*}}) {axes = array<i64: 1, 2>, keepdims = true
// CHECK: "npu.reshape"
// CHECK-NOT: npu.float_op
func.func @height_and_width(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.float_op"(%1) {kind = "mean", params = {axes = [2, 3], keepdim = false}} : (tensor<1x2x4x4xf32>) -> tensor<1x2xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 0.0028 : f64, zp = -4 : i64} : (tensor<1x2xf32>) -> tensor<1x2xi8>
  %4 = "npu.dequantize"(%3) {scale = 0.0028 : f64, zp = -4 : i64} : (tensor<1x2xi8>) -> tensor<1x2xf32>
  return %4 : tensor<1x2xf32>
}

// -----

// A sum is a mean that is not divided.
// CHECK-LABEL: func.func @sum
// CHECK: "npu.mean"(%{{.*}}) {axes = array<i64: 1, 2>
func.func @sum(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.float_op"(%1) {kind = "sum", params = {axes = [2, 3], keepdim = false}} : (tensor<1x2x4x4xf32>) -> tensor<1x2xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 0.045 : f64, zp = -4 : i64} : (tensor<1x2xf32>) -> tensor<1x2xi8>
  %4 = "npu.dequantize"(%3) {scale = 0.045 : f64, zp = -4 : i64} : (tensor<1x2xi8>) -> tensor<1x2xf32>
  return %4 : tensor<1x2xf32>
}
