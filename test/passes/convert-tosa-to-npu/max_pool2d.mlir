// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @windows
// CHECK: "npu.max_pool2d"(%arg0) {hi = 127 : i64, kernel = array<i64: 2, 2>, lo = -128 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>}
func.func @windows(%x: tensor<1x4x4x1xi8>) -> tensor<1x2x2x1xi8> {
  %y = tosa.max_pool2d %x {kernel = array<i64: 2, 2>, pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 2, 2>} : (tensor<1x4x4x1xi8>) -> tensor<1x2x2x1xi8>
  return %y : tensor<1x2x2x1xi8>
}
