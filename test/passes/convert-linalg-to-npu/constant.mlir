// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --split-input-file --convert-linalg-to-npu | FileCheck %s

// A tensor stays as a constant of npu; a float nobody reads goes.
// CHECK-LABEL: func.func @integers
// CHECK: %[[C:.*]] = "npu.constant"() {value = dense<[1, -2]> : tensor<2xi8>} : () -> tensor<2xi8>
// CHECK-NOT: arith.constant
// CHECK: "npu.dequantize"(%[[C]])
func.func @integers() -> tensor<2xf32> {
  %codes = arith.constant dense<[1, -2]> : tensor<2xi8>
  %unused = arith.constant 0.000000e+00 : f32
  %0 = "npu.dequantize"(%codes) {scale = 0.5 : f64, zp = 0 : i64} : (tensor<2xi8>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// A module that holds npu ops already reads constants of its own, of floats too.
// CHECK-LABEL: func.func @foreign
// CHECK-NOT: arith.constant
// CHECK: %[[F:.*]] = "npu.constant"() {value = dense<[1.000000e+00, -2.500000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK: "npu.float_binary"(%{{.*}}, %[[F]])
func.func @foreign(%x: tensor<2xf32>) -> tensor<2xf32> {
  %step = arith.constant dense<[1.0, -2.5]> : tensor<2xf32>
  %0 = "npu.float_binary"(%x, %step) {kind = "add"} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
