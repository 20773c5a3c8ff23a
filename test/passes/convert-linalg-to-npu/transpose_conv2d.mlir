// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// As torch-mlir writes it: the kernel turned around, the input spread by the stride. Two phases of rows and two of columns become
// output channels of one convolution, interleaved behind it.
// CHECK-LABEL: func.func @phases
// CHECK: "npu.conv2d"(%{{.*}}) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>
// CHECK-SAME: zp_x = -22 : i64} : (tensor<1x4x5x2xi8>, tensor<12x1x1x2xi8>, tensor<12xi32>)
// CHECK-NEXT: "npu.reshape"(%{{.*}}) : (tensor<1x4x5x12xi8>) -> tensor<1x4x5x1x2x2x3xi8>
// CHECK-NEXT: "npu.transpose"(%{{.*}}) {perm = array<i64: 0, 1, 4, 2, 5, 3, 6>}
// CHECK-NEXT: "npu.reshape"(%{{.*}}) : (tensor<1x4x2x5x2x1x3xi8>) -> tensor<1x8x10x3xi8>
// CHECK-NOT: linalg
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @phases(%arg0: tensor<1x2x4x5xi8>) -> tensor<1x3x8x10xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1 : index
  %codes = arith.constant dense<[[[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]], [[[13, 14], [15, 16]], [[17, 18], [19, 20]], [[21, 22], [23, 24]]]]> : tensor<2x3x2x2xi8>
  %w = "npu.dequantize_channels"(%codes) {axis = 1 : i64, scales = [0.01, 0.02, 0.03], zps = array<i64: 0, 0, 0>} : (tensor<2x3x2x2xi8>) -> tensor<2x3x2x2xf32>
  %x = "npu.dequantize"(%arg0) {scale = 0.019 : f64, zp = -22 : i64} : (tensor<1x2x4x5xi8>) -> tensor<1x2x4x5xf32>
  %0 = tensor.empty() : tensor<3x2x2x2xf32>
  %1 = linalg.fill ins(%zero : f32) outs(%0 : tensor<3x2x2x2xf32>) -> tensor<3x2x2x2xf32>
  %turned = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%1 : tensor<3x2x2x2xf32>) {
  ^bb0(%out: f32):
    %o = linalg.index 0 : index
    %i = linalg.index 1 : index
    %h = linalg.index 2 : index
    %v = linalg.index 3 : index
    %row = arith.subi %one, %h : index
    %column = arith.subi %one, %v : index
    %tap = tensor.extract %w[%i, %o, %row, %column] : tensor<2x3x2x2xf32>
    linalg.yield %tap : f32
  } -> tensor<3x2x2x2xf32>
  %2 = tensor.empty() : tensor<1x2x9x11xf32>
  %3 = linalg.fill ins(%zero : f32) outs(%2 : tensor<1x2x9x11xf32>) -> tensor<1x2x9x11xf32>
  %spread = tensor.insert_slice %x into %3[0, 0, 1, 1] [1, 2, 4, 5] [1, 1, 2, 2] : tensor<1x2x4x5xf32> into tensor<1x2x9x11xf32>
  %4 = tensor.empty() : tensor<1x3x8x10xf32>
  %5 = linalg.fill ins(%zero : f32) outs(%4 : tensor<1x3x8x10xf32>) -> tensor<1x3x8x10xf32>
  %6 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%spread, %turned : tensor<1x2x9x11xf32>, tensor<3x2x2x2xf32>) outs(%5 : tensor<1x3x8x10xf32>) -> tensor<1x3x8x10xf32>
  %7 = "npu.quantize"(%6) {hi = 127 : i64, lo = -128 : i64, scale = 0.05 : f64, zp = 3 : i64} : (tensor<1x3x8x10xf32>) -> tensor<1x3x8x10xi8>
  %8 = "npu.dequantize"(%7) {scale = 0.05 : f64, zp = 3 : i64} : (tensor<1x3x8x10xi8>) -> tensor<1x3x8x10xf32>
  return %8 : tensor<1x3x8x10xf32>
}
