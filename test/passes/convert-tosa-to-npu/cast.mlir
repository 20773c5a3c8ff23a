// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @wider
// CHECK: "npu.cast"(%arg0) : (tensor<4xi8>) -> tensor<4xi32>
func.func @wider(%x: tensor<4xi8>) -> tensor<4xi32> {
  %y = tosa.cast %x : (tensor<4xi8>) -> tensor<4xi32>
  return %y : tensor<4xi32>
}
