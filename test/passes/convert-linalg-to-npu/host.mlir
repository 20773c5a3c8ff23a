// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --convert-linalg-to-npu --split-input-file | FileCheck %s

// No rule quantizes it: it stays float.
// CHECK-LABEL: func.func @log_softmax
// CHECK: "npu.float_log_softmax"(%{{.*}}) {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-NOT: npu.float_op
func.func @log_softmax(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "npu.float_op"(%arg0) {kind = "log_softmax", params = {axis = 1 : i64}} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
