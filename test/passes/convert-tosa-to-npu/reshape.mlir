// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @rows
// CHECK: "npu.reshape"(%arg0) : (tensor<2x3xi8>) -> tensor<6xi8>
func.func @rows(%x: tensor<2x3xi8>) -> tensor<6xi8> {
  %s = tosa.const_shape {values = dense<6> : tensor<1xindex>} : () -> !tosa.shape<1>
  %y = tosa.reshape %x, %s : (tensor<2x3xi8>, !tosa.shape<1>) -> tensor<6xi8>
  return %y : tensor<6xi8>
}
