// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @volume
// CHECK: "npu.conv3d"(%arg0, %{{.*}}, %{{.*}}) {{.*}}zp_x = 3 : i64} : {{.*}} -> tensor<1x2x3x4x6xi32>
func.func @volume(%x: tensor<1x3x4x5x2xi8>) -> tensor<1x2x3x4x6xi32> {
  %w = "tosa.const"() <{values = dense<1> : tensor<6x2x2x2x2xi8>}> : () -> tensor<6x2x2x2x2xi8>
  %b = "tosa.const"() <{values = dense<7> : tensor<6xi32>}> : () -> tensor<6xi32>
  %zx = "tosa.const"() <{values = dense<3> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zw = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %y = tosa.conv3d %x, %w, %b, %zx, %zw {acc_type = i32, dilation = array<i64: 1, 1, 1>, pad = array<i64: 0, 0, 0, 0, 0, 0>, stride = array<i64: 1, 1, 1>} : (tensor<1x3x4x5x2xi8>, tensor<6x2x2x2x2xi8>, tensor<6xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x2x3x4x6xi32>
  return %y : tensor<1x2x3x4x6xi32>
}
