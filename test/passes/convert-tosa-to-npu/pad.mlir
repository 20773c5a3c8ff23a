// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @bytes
// CHECK: "npu.pad"(%arg0) {pads = array<i64: 1, 0, 0, 2>, value = 9 : i64}
func.func @bytes(%x: tensor<2x3xi8>) -> tensor<3x5xi8> {
  %p = tosa.const_shape {values = dense<[1, 0, 0, 2]> : tensor<4xindex>} : () -> !tosa.shape<4>
  %v = "tosa.const"() <{values = dense<9> : tensor<1xi8>}> : () -> tensor<1xi8>
  %y = tosa.pad %x, %p, %v : (tensor<2x3xi8>, !tosa.shape<4>, tensor<1xi8>) -> tensor<3x5xi8>
  return %y : tensor<3x5xi8>
}
