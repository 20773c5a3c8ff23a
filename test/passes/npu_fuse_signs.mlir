// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-set-target=name=u55-256 --npu-fuse-signs --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-set-target=name=u55-256 --npu-fuse-signs --split-input-file --validate > /dev/null
// RUN: npu-opt %s --npu-set-target=name=edge-256 --npu-fuse-signs --split-input-file | FileCheck %s --check-prefix=OWN

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>
#unit = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 30>, zp_out = 0 : i64}>

// The zero point moves with the bytes. Other machines take i8 alone.
// CHECK-LABEL: func.func @moved
// CHECK: "npu.conv2d"(%arg0, {{.*}} zp_x = 133 : i64} : (tensor<1x2x2x1xui8>
// OWN-LABEL: func.func @moved
// OWN: %[[X:.*]] = "npu.rescale"(%arg0)
// OWN: "npu.conv2d"(%[[X]], {{.*}} zp_x = 5 : i64
func.func @moved(%x: tensor<1x2x2x1xui8>) -> tensor<1x2x2x1xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<1x1x1x1xi8>} : () -> tensor<1x1x1x1xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<1xi32>} : () -> tensor<1xi32>
  %0 = "npu.rescale"(%x) {rescale = #unit, zp_x = 128 : i64} : (tensor<1x2x2x1xui8>) -> tensor<1x2x2x1xi8>
  %1 = "npu.conv2d"(%0, %w, %b) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #one, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 5 : i64} : (tensor<1x2x2x1xi8>, tensor<1x1x1x1xi8>, tensor<1xi32>) -> tensor<1x2x2x1xi8>
  return %1 : tensor<1x2x2x1xi8>
}

// -----

#one = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 33>, zp_out = 0 : i64}>
#half = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>

// A rescale that does more stays.
// CHECK-LABEL: func.func @scaled
// CHECK: "npu.conv2d"({{.*}} zp_x = 5 : i64
func.func @scaled(%x: tensor<1x2x2x1xui8>) -> tensor<1x2x2x1xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<1x1x1x1xi8>} : () -> tensor<1x1x1x1xi8>
  %b = "npu.constant"() {value = dense<1> : tensor<1xi32>} : () -> tensor<1xi32>
  %0 = "npu.rescale"(%x) {rescale = #half, zp_x = 128 : i64} : (tensor<1x2x2x1xui8>) -> tensor<1x2x2x1xi8>
  %1 = "npu.conv2d"(%0, %w, %b) {dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, rescale = #one, strides = array<i64: 1, 1>, zp_w = 0 : i64, zp_x = 5 : i64} : (tensor<1x2x2x1xi8>, tensor<1x1x1x1xi8>, tensor<1xi32>) -> tensor<1x2x2x1xi8>
  return %1 : tensor<1x2x2x1xi8>
}
