// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @turned
// CHECK: "npu.transpose"(%arg0) {perm = array<i64: 1, 0>}
func.func @turned(%x: tensor<2x3xi8>) -> tensor<3x2xi8> {
  %y = tosa.transpose %x {perms = array<i32: 1, 0>} : (tensor<2x3xi8>) -> tensor<3x2xi8>
  return %y : tensor<3x2xi8>
}
