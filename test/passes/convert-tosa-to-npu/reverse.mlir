// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @turned
// CHECK: "npu.reverse"(%arg0) {axis = 1 : i64}
func.func @turned(%x: tensor<2x3xi8>) -> tensor<2x3xi8> {
  %y = tosa.reverse %x {axis = 1 : i32} : (tensor<2x3xi8>) -> tensor<2x3xi8>
  return %y : tensor<2x3xi8>
}
