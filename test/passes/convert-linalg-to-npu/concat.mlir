// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// All operands have the scale of the result.
// CHECK-LABEL: func.func @one_scale
// CHECK: "npu.concat"(%{{.*}}, %{{.*}}) {axis = 1 : i64,
// CHECK-NOT: npu.rescale
func.func @one_scale(%arg0: tensor<1x2x4x4xf32>, %arg1: tensor<1x2x4x4xf32>) -> tensor<1x4x4x4xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %2 = "npu.quantize"(%arg1) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
  %3 = "npu.dequantize"(%2) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
  %concat = tensor.concat dim(1) %1, %3 : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x4x4x4xf32>
  %4 = "npu.quantize"(%concat) {hi = 127 : i64, lo = -128 : i64, scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xi8>
  %5 = "npu.dequantize"(%4) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x4x4x4xi8>) -> tensor<1x4x4x4xf32>
  return %5 : tensor<1x4x4x4xf32>
}

// -----

// The reshape behind the concat moves behind the quantize.
// CHECK-LABEL: func.func @stacked
// CHECK: "npu.concat"(%{{.*}}, %{{.*}}) {axis = 1 : i64,
// CHECK: "npu.reshape"
// CHECK-NOT: linalg.
func.func @stacked(%arg0: tensor<1x2x3xf32>, %arg1: tensor<1x2x3xf32>) -> tensor<1x2x2x3xf32> {
  %0 = "npu.quantize"(%arg0) {hi = 127 : i64, lo = -128 : i64, scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x3xf32>) -> tensor<1x2x3xi8>
  %1 = "npu.dequantize"(%0) {scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x3xi8>) -> tensor<1x2x3xf32>
  %2 = "npu.quantize"(%arg1) {hi = 127 : i64, lo = -128 : i64, scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x3xf32>) -> tensor<1x2x3xi8>
  %3 = "npu.dequantize"(%2) {scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x3xi8>) -> tensor<1x2x3xf32>
  %concat = tensor.concat dim(1) %1, %3 : (tensor<1x2x3xf32>, tensor<1x2x3xf32>) -> tensor<1x4x3xf32>
  %expanded = tensor.expand_shape %concat [[0], [1, 2], [3]] output_shape [1, 2, 2, 3] : tensor<1x4x3xf32> into tensor<1x2x2x3xf32>
  %4 = "npu.quantize"(%expanded) {hi = 127 : i64, lo = -128 : i64, scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x2x3xf32>) -> tensor<1x2x2x3xi8>
  %5 = "npu.dequantize"(%4) {scale = 0.011 : f64, zp = 10 : i64} : (tensor<1x2x2x3xi8>) -> tensor<1x2x2x3xf32>
  return %5 : tensor<1x2x2x3xf32>
}
