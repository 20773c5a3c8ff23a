// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @nearest
// CHECK: "npu.resize"(%arg0) {border = array<i64: 0, 0>, offset = array<i64: 0, 0>, rounding = "half", scale_x = array<i64: 2, 1>, scale_y = array<i64: 2, 1>}
func.func @nearest(%x: tensor<1x3x3x2xi8>) -> tensor<1x5x5x2xi8> {
  %s = tosa.const_shape {values = dense<[2, 1, 2, 1]> : tensor<4xindex>} : () -> !tosa.shape<4>
  %o = tosa.const_shape {values = dense<0> : tensor<2xindex>} : () -> !tosa.shape<2>
  %y = tosa.resize %x, %s, %o, %o {mode = NEAREST_NEIGHBOR} : (tensor<1x3x3x2xi8>, !tosa.shape<4>, !tosa.shape<2>, !tosa.shape<2>) -> tensor<1x5x5x2xi8>
  return %y : tensor<1x5x5x2xi8>
}
