// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @negated
// CHECK: "npu.table"(%arg0, %{{.*}}) : (tensor<4xi8>, tensor<256xi8>) -> tensor<4xi8>
func.func @negated(%x: tensor<4xi8>) -> tensor<4xi8> {
  %a = "tosa.const"() <{values = dense<1> : tensor<1xi8>}> : () -> tensor<1xi8>
  %y = tosa.negate %x, %a, %a : (tensor<4xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}
