// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @rounded
// CHECK: "npu.integer_binary"(%arg0, %arg1) {kind = "rounding_right_shift", shift = 0 : i64} : (tensor<4xi32>, tensor<1xi32>) -> tensor<4xi32>
func.func @rounded(%a: tensor<4xi32>, %b: tensor<1xi32>) -> tensor<4xi32> {
  %y = tosa.arithmetic_right_shift %a, %b {round = true} : (tensor<4xi32>, tensor<1xi32>) -> tensor<4xi32>
  return %y : tensor<4xi32>
}
