// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @least
// CHECK: "npu.integer_reduce"(%arg0) {axis = 1 : i64, kind = "min"} : (tensor<4x5xi8>) -> tensor<4x1xi8>
func.func @least(%x: tensor<4x5xi8>) -> tensor<4x1xi8> {
  %y = tosa.reduce_min %x {axis = 1 : i32} : (tensor<4x5xi8>) -> tensor<4x1xi8>
  return %y : tensor<4x1xi8>
}
