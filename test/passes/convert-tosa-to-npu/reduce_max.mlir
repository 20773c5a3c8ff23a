// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @greatest
// CHECK: "npu.reduce_max"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<4x5xi8>) -> tensor<4x1xi8>
func.func @greatest(%x: tensor<4x5xi8>) -> tensor<4x1xi8> {
  %y = tosa.reduce_max %x {axis = 1 : i32} : (tensor<4x5xi8>) -> tensor<4x1xi8>
  return %y : tensor<4x1xi8>
}
