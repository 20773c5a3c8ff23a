// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @part
// CHECK: "npu.slice"(%arg0) {sizes = array<i64: 1, 2>, starts = array<i64: 1, 0>, strides = array<i64: 1, 1>}
func.func @part(%x: tensor<2x3xi8>) -> tensor<1x2xi8> {
  %s = tosa.const_shape {values = dense<[1, 0]> : tensor<2xindex>} : () -> !tosa.shape<2>
  %n = tosa.const_shape {values = dense<[1, 2]> : tensor<2xindex>} : () -> !tosa.shape<2>
  %y = tosa.slice %x, %s, %n : (tensor<2x3xi8>, !tosa.shape<2>, !tosa.shape<2>) -> tensor<1x2xi8>
  return %y : tensor<1x2xi8>
}
