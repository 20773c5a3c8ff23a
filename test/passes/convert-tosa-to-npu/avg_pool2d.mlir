// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @padded
// CHECK: "npu.avg_pool2d"(%arg0) {{{.*}}multiplier = array<i64: 1073741825, 1073741825, 1431655766, 1073741825>, shift = array<i64: 30, 31, 32, 32>, zp_out = 5 : i64{{.*}}zp_x = 3 : i64}
func.func @padded(%x: tensor<1x4x4x1xi8>) -> tensor<1x5x5x1xi8> {
  %zi = "tosa.const"() <{values = dense<3> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zo = "tosa.const"() <{values = dense<5> : tensor<1xi8>}> : () -> tensor<1xi8>
  %y = tosa.avg_pool2d %x, %zi, %zo {acc_type = i32, kernel = array<i64: 2, 2>, pad = array<i64: 1, 1, 1, 1>, stride = array<i64: 1, 1>} : (tensor<1x4x4x1xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x5x5x1xi8>
  return %y : tensor<1x5x5x1xi8>
}
