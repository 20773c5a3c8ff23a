// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @tiled
// CHECK: %[[C:.*]] = "npu.concat"(%arg0, %arg0, %arg0) {axis = 0 : i64,{{.*}} -> tensor<6x3xi8>
// CHECK: "npu.concat"(%[[C]], %[[C]]) {axis = 1 : i64,{{.*}} -> tensor<6x6xi8>
func.func @tiled(%x: tensor<2x3xi8>) -> tensor<6x6xi8> {
  %m = tosa.const_shape {values = dense<[3, 2]> : tensor<2xindex>} : () -> !tosa.shape<2>
  %y = tosa.tile %x, %m : (tensor<2x3xi8>, !tosa.shape<2>) -> tensor<6x6xi8>
  return %y : tensor<6x6xi8>
}
