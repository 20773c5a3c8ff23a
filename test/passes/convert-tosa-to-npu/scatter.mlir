// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @rows
// CHECK: "npu.scatter"(%arg0, %arg1, %arg2)
func.func @rows(%x: tensor<1x5x3xi8>, %i: tensor<1x2xi32>, %u: tensor<1x2x3xi8>) -> tensor<1x5x3xi8> {
  %y = tosa.scatter %x, %i, %u : (tensor<1x5x3xi8>, tensor<1x2xi32>, tensor<1x2x3xi8>) -> tensor<1x5x3xi8>
  return %y : tensor<1x5x3xi8>
}
