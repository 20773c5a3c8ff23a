// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// Words: the kernel turned around over the spread input.
// CHECK-LABEL: func.func @raw
// CHECK: %[[R:.*]] = "npu.resize"(%arg0) {{.*}} -> tensor<1x7x7x2xi8>
// CHECK: %[[M:.*]] = "npu.mul"(%[[R]], %{{.*}}) {{.*}}zp_a = 3 : i64
// CHECK: "npu.conv2d"(%[[M]], {{.*}}pads = array<i64: 1, 1, 1, 1>{{.*}} -> tensor<1x8x8x3xi32>
func.func @raw(%x: tensor<1x4x4x2xi8>) -> tensor<1x8x8x3xi32> {
  %w = "tosa.const"() <{values = dense<1> : tensor<3x2x2x2xi8>}> : () -> tensor<3x2x2x2xi8>
  %b = "tosa.const"() <{values = dense<7> : tensor<3xi32>}> : () -> tensor<3xi32>
  %zx = "tosa.const"() <{values = dense<3> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zw = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %y = tosa.transpose_conv2d %x, %w, %b, %zx, %zw {acc_type = i32, out_pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 2, 2>} : (tensor<1x4x4x2xi8>, tensor<3x2x2x2xi8>, tensor<3xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x8x8x3xi32>
  return %y : tensor<1x8x8x3xi32>
}

// Bytes: a channel for each phase, interleaved behind the rescale.
// CHECK-LABEL: func.func @rescaled
// CHECK: %[[C:.*]] = "npu.conv2d"(%arg0, {{.*}} -> tensor<1x4x4x12xi8>
// CHECK: "npu.transpose"{{.*}}perm = array<i64: 0, 1, 3, 2, 4, 5>
// CHECK: "npu.reshape"{{.*}} -> tensor<1x8x8x3xi8>
// CHECK-NOT: npu.rescale
func.func @rescaled(%x: tensor<1x4x4x2xi8>) -> tensor<1x8x8x3xi8> {
  %w = "tosa.const"() <{values = dense<1> : tensor<3x2x2x2xi8>}> : () -> tensor<3x2x2x2xi8>
  %b = "tosa.const"() <{values = dense<7> : tensor<3xi32>}> : () -> tensor<3xi32>
  %zx = "tosa.const"() <{values = dense<3> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zw = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %z32 = "tosa.const"() <{values = dense<0> : tensor<1xi32>}> : () -> tensor<1xi32>
  %m = "tosa.const"() <{values = dense<1073741824> : tensor<1xi32>}> : () -> tensor<1xi32>
  %s = "tosa.const"() <{values = dense<40> : tensor<1xi8>}> : () -> tensor<1xi8>
  %a = tosa.transpose_conv2d %x, %w, %b, %zx, %zw {acc_type = i32, out_pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 2, 2>} : (tensor<1x4x4x2xi8>, tensor<3x2x2x2xi8>, tensor<3xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x8x8x3xi32>
  %y = tosa.rescale %a, %m, %s, %z32, %zw {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = SINGLE_ROUND, scale32 = true} : (tensor<1x8x8x3xi32>, tensor<1xi32>, tensor<1xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x8x8x3xi8>
  return %y : tensor<1x8x8x3xi8>
}
