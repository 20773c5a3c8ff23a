// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// Accumulators alone.
// CHECK-LABEL: func.func @raw
// CHECK: %[[B:.*]] = "npu.constant"() {value = dense<7> : tensor<4xi32>}
// CHECK: "npu.conv2d"(%arg0, %{{.*}}, %[[B]]) {{{.*}}pads = array<i64: 1, 0, 0, 1>{{.*}}zp_w = 2 : i64, zp_x = -3 : i64} : {{.*}} -> tensor<1x5x5x4xi32>
func.func @raw(%x: tensor<1x6x6x2xi8>) -> tensor<1x5x5x4xi32> {
  %w = "tosa.const"() <{values = dense<1> : tensor<4x3x3x2xi8>}> : () -> tensor<4x3x3x2xi8>
  %b = "tosa.const"() <{values = dense<7> : tensor<1xi32>}> : () -> tensor<1xi32>
  %zx = "tosa.const"() <{values = dense<-3> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zw = "tosa.const"() <{values = dense<2> : tensor<1xi8>}> : () -> tensor<1xi8>
  %y = tosa.conv2d %x, %w, %b, %zx, %zw {acc_type = i32, dilation = array<i64: 1, 1>, pad = array<i64: 1, 0, 0, 1>, stride = array<i64: 1, 1>} : (tensor<1x6x6x2xi8>, tensor<4x3x3x2xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x5x5x4xi32>
  return %y : tensor<1x5x5x4xi32>
}

// The rescale behind it is its own, a record a channel, in its own rounding.
// CHECK-LABEL: func.func @rescaled
// CHECK-NOT: npu.rescale
// CHECK: "npu.conv2d"{{.*}}double_round = true{{.*}}multiplier = array<i64: 1073741824, 1073741825>, shift = array<i64: 40, 41>, zp_out = 5 : i64{{.*}} -> tensor<1x6x6x2xi8>
// CHECK-NEXT: return
func.func @rescaled(%x: tensor<1x6x6x2xi8>) -> tensor<1x6x6x2xi8> {
  %w = "tosa.const"() <{values = dense<1> : tensor<2x1x1x2xi8>}> : () -> tensor<2x1x1x2xi8>
  %b = "tosa.const"() <{values = dense<7> : tensor<2xi32>}> : () -> tensor<2xi32>
  %z = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zi = "tosa.const"() <{values = dense<0> : tensor<1xi32>}> : () -> tensor<1xi32>
  %zo = "tosa.const"() <{values = dense<5> : tensor<1xi8>}> : () -> tensor<1xi8>
  %m = "tosa.const"() <{values = dense<[1073741824, 1073741825]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %s = "tosa.const"() <{values = dense<[40, 41]> : tensor<2xi8>}> : () -> tensor<2xi8>
  %a = tosa.conv2d %x, %w, %b, %z, %z {acc_type = i32, dilation = array<i64: 1, 1>, pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, 1>} : (tensor<1x6x6x2xi8>, tensor<2x1x1x2xi8>, tensor<2xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x6x6x2xi32>
  %y = tosa.rescale %a, %m, %s, %zi, %zo {input_unsigned = false, output_unsigned = false, per_channel = true, rounding_mode = DOUBLE_ROUND, scale32 = true} : (tensor<1x6x6x2xi32>, tensor<2xi32>, tensor<2xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x6x6x2xi8>
  return %y : tensor<1x6x6x2xi8>
}

// Padding as wide as the kernel or wider becomes a pad with the zero point.
// CHECK-LABEL: func.func @wide_padding
// CHECK: %[[P:.*]] = "npu.pad"(%arg0) {pads = array<i64: 0, 0, 1, 0, 0, 1, 0, 0>, value = -3 : i64}
// CHECK: "npu.conv2d"(%[[P]], {{.*}}pads = array<i64: 0, 0, 0, 0>
func.func @wide_padding(%x: tensor<1x6x6x2xi8>) -> tensor<1x7x7x2xi32> {
  %w = "tosa.const"() <{values = dense<1> : tensor<2x1x1x2xi8>}> : () -> tensor<2x1x1x2xi8>
  %b = "tosa.const"() <{values = dense<7> : tensor<2xi32>}> : () -> tensor<2xi32>
  %zx = "tosa.const"() <{values = dense<-3> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zw = "tosa.const"() <{values = dense<2> : tensor<1xi8>}> : () -> tensor<1xi8>
  %y = tosa.conv2d %x, %w, %b, %zx, %zw {acc_type = i32, dilation = array<i64: 1, 1>, pad = array<i64: 1, 0, 0, 1>, stride = array<i64: 1, 1>} : (tensor<1x6x6x2xi8>, tensor<2x1x1x2xi8>, tensor<2xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x7x7x2xi32>
  return %y : tensor<1x7x7x2xi32>
}
