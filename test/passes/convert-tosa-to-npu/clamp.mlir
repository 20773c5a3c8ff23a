// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @bytes
// CHECK: "npu.clamp"(%arg0) {hi = 6 : i64, lo = -7 : i64}
func.func @bytes(%x: tensor<4xi8>) -> tensor<4xi8> {
  %y = tosa.clamp %x {max_val = 6 : i8, min_val = -7 : i8} : (tensor<4xi8>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}
