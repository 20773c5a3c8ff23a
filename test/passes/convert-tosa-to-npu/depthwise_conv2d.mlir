// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @multiplier
// CHECK: %[[W:.*]] = "npu.reshape"(%{{.*}}) : (tensor<3x3x2x2xi8>) -> tensor<3x3x4xi8>
// CHECK: "npu.depthwise_conv2d"(%arg0, %[[W]], %{{.*}}-> tensor<1x4x4x4xi32>
func.func @multiplier(%x: tensor<1x6x6x2xi8>) -> tensor<1x4x4x4xi32> {
  %w = "tosa.const"() <{values = dense<1> : tensor<3x3x2x2xi8>}> : () -> tensor<3x3x2x2xi8>
  %b = "tosa.const"() <{values = dense<7> : tensor<4xi32>}> : () -> tensor<4xi32>
  %z = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %y = tosa.depthwise_conv2d %x, %w, %b, %z, %z {acc_type = i32, dilation = array<i64: 1, 1>, pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, 1>} : (tensor<1x6x6x2xi8>, tensor<3x3x2x2xi8>, tensor<4xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x4x4x4xi32>
  return %y : tensor<1x4x4x4xi32>
}
