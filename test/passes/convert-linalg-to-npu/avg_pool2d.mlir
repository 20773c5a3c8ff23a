// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// One divisor: part of the rescale.
// CHECK-LABEL: func.func @padding_counts
// CHECK: "npu.avg_pool2d"(%{{.*}}) {count_include_pad = true, kernel = array<i64: 3, 3>, pads = array<i64: 1, 1, 1, 1>
// CHECK-NOT: npu.float_op
func.func @padding_counts(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.float_op"(%1) {kind = "avg_pool2d", params = {ceil_mode = false, count_include_pad = true, kernel = [3, 3], padding = [1, 1], strides = [2, 2]}} : (tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 0.0052 : f64, zp = -34 : i64} : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xi8>
  %4 = "npu.dequantize"(%3) {scale = 0.0052 : f64, zp = -34 : i64} : (tensor<1x2x2x2xi8>) -> tensor<1x2x2x2xf32>
  return %4 : tensor<1x2x2x2xf32>
}

// -----

// A divisor for each number of positions inside the image.
// CHECK-LABEL: func.func @padding_does_not_count
// CHECK: "npu.avg_pool2d"(%{{.*}}) {count_include_pad = false
func.func @padding_does_not_count(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.float_op"(%1) {kind = "avg_pool2d", params = {ceil_mode = false, count_include_pad = false, kernel = [3, 3], padding = [1, 1], strides = [2, 2]}} : (tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 0.0052 : f64, zp = -33 : i64} : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xi8>
  %4 = "npu.dequantize"(%3) {scale = 0.0052 : f64, zp = -33 : i64} : (tensor<1x2x2x2xi8>) -> tensor<1x2x2x2xf32>
  return %4 : tensor<1x2x2x2xf32>
}

// -----

// Windows of one size.
// CHECK-LABEL: func.func @adaptive
// CHECK: "npu.avg_pool2d"(%{{.*}}) {{.*}}kernel = array<i64: 2, 2>{{.*}}strides = array<i64: 2, 2>
func.func @adaptive(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.float_op"(%1) {kind = "adaptive_avg_pool2d", params = {output_size = [2, 2]}} : (tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32>
  %3 = "npu.quantize"(%2) {hi = 127 : i64, lo = -128 : i64, scale = 0.0084 : f64, zp = -21 : i64} : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xi8>
  %4 = "npu.dequantize"(%3) {scale = 0.0084 : f64, zp = -21 : i64} : (tensor<1x2x2x2xi8>) -> tensor<1x2x2x2xf32>
  return %4 : tensor<1x2x2x2xf32>
}
