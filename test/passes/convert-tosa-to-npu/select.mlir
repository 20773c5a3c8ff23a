// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @chosen
// CHECK: "npu.select"(%arg0, %arg1, %arg1)
func.func @chosen(%c: tensor<4xi1>, %a: tensor<4xi8>) -> tensor<4xi8> {
  %y = tosa.select %c, %a, %a : (tensor<4xi1>, tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}
