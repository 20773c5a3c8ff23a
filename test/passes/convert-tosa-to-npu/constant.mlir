// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @bytes
// CHECK: "npu.constant"() {value = dense<[1, 2]> : tensor<2xi8>}
func.func @bytes() -> tensor<2xi8> {
  %y = "tosa.const"() <{values = dense<[1, 2]> : tensor<2xi8>}> : () -> tensor<2xi8>
  return %y : tensor<2xi8>
}
