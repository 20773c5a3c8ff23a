// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @bytes
// CHECK: "npu.argmax"(%arg0) {axis = 1 : i64, keepdims = false} : (tensor<4x5xi8>) -> tensor<4xi32>
func.func @bytes(%x: tensor<4x5xi8>) -> tensor<4xi32> {
  %y = tosa.argmax %x {axis = 1 : i32} : (tensor<4x5xi8>) -> tensor<4xi32>
  return %y : tensor<4xi32>
}
