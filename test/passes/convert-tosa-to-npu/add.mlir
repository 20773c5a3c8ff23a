// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @quantized
// CHECK-NEXT: "npu.add"(%arg0, %arg1) {{.*}}multiplier = array<i64: 1610612736>, shift = array<i64: 50>, zp_out = 5 : i64}>, scale_a = array<i64: 1073741824, 11>, scale_b = array<i64: 1342177280, 12>, zp_a = 3 : i64, zp_b = -4 : i64}
// CHECK-NEXT: return
func.func @quantized(%a: tensor<1x4xi8>, %b: tensor<2x4xi8>) -> tensor<2x4xi8> {
  %ma = "tosa.const"() <{values = dense<1073741824> : tensor<1xi32>}> : () -> tensor<1xi32>
  %sa = "tosa.const"() <{values = dense<11> : tensor<1xi8>}> : () -> tensor<1xi8>
  %mb = "tosa.const"() <{values = dense<1342177280> : tensor<1xi32>}> : () -> tensor<1xi32>
  %sb = "tosa.const"() <{values = dense<12> : tensor<1xi8>}> : () -> tensor<1xi8>
  %mo = "tosa.const"() <{values = dense<1610612736> : tensor<1xi32>}> : () -> tensor<1xi32>
  %so = "tosa.const"() <{values = dense<50> : tensor<1xi8>}> : () -> tensor<1xi8>
  %za = "tosa.const"() <{values = dense<3> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zb = "tosa.const"() <{values = dense<-4> : tensor<1xi8>}> : () -> tensor<1xi8>
  %z32 = "tosa.const"() <{values = dense<0> : tensor<1xi32>}> : () -> tensor<1xi32>
  %zo = "tosa.const"() <{values = dense<5> : tensor<1xi8>}> : () -> tensor<1xi8>
  %u = tosa.rescale %a, %ma, %sa, %za, %z32 {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = SINGLE_ROUND, scale32 = true} : (tensor<1x4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi32>) -> tensor<1x4xi32>
  %v = tosa.rescale %b, %mb, %sb, %zb, %z32 {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = SINGLE_ROUND, scale32 = true} : (tensor<2x4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi32>) -> tensor<2x4xi32>
  %s = tosa.add %u, %v : (tensor<1x4xi32>, tensor<2x4xi32>) -> tensor<2x4xi32>
  %y = tosa.rescale %s, %mo, %so, %z32, %zo {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = SINGLE_ROUND, scale32 = true} : (tensor<2x4xi32>, tensor<1xi32>, tensor<1xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<2x4xi8>
  return %y : tensor<2x4xi8>
}

// As converters from TFLite write it: a left shift first, then one side's scale.
// CHECK-LABEL: func.func @shifted
// CHECK-NEXT: "npu.add"(%arg0, %arg1) {left_shift = 20 : i64, {{.*}}scale_a = array<i64: 1623821475, 33>, scale_b = array<i64: 1073741824, 31>, zp_a = 3 : i64, zp_b = -4 : i64}
// CHECK-NEXT: return
func.func @shifted(%a: tensor<2x4xi8>, %b: tensor<2x4xi8>) -> tensor<2x4xi8> {
  %one = "tosa.const"() <{values = dense<1073741824> : tensor<1xi32>}> : () -> tensor<1xi32>
  %by20 = "tosa.const"() <{values = dense<10> : tensor<1xi8>}> : () -> tensor<1xi8>
  %by19 = "tosa.const"() <{values = dense<11> : tensor<1xi8>}> : () -> tensor<1xi8>
  %ma = "tosa.const"() <{values = dense<1623821475> : tensor<1xi32>}> : () -> tensor<1xi32>
  %sa = "tosa.const"() <{values = dense<33> : tensor<1xi8>}> : () -> tensor<1xi8>
  %mo = "tosa.const"() <{values = dense<1098017566> : tensor<1xi32>}> : () -> tensor<1xi32>
  %so = "tosa.const"() <{values = dense<48> : tensor<1xi8>}> : () -> tensor<1xi8>
  %za = "tosa.const"() <{values = dense<3> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zb = "tosa.const"() <{values = dense<-4> : tensor<1xi8>}> : () -> tensor<1xi8>
  %z32 = "tosa.const"() <{values = dense<0> : tensor<1xi32>}> : () -> tensor<1xi32>
  %zo = "tosa.const"() <{values = dense<5> : tensor<1xi8>}> : () -> tensor<1xi8>
  %u = tosa.rescale %a, %one, %by20, %za, %z32 {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = DOUBLE_ROUND, scale32 = true} : (tensor<2x4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi32>) -> tensor<2x4xi32>
  %v = tosa.rescale %u, %ma, %sa, %z32, %z32 {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = DOUBLE_ROUND, scale32 = true} : (tensor<2x4xi32>, tensor<1xi32>, tensor<1xi8>, tensor<1xi32>, tensor<1xi32>) -> tensor<2x4xi32>
  %w = tosa.rescale %b, %one, %by19, %zb, %z32 {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = DOUBLE_ROUND, scale32 = true} : (tensor<2x4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi32>) -> tensor<2x4xi32>
  %s = tosa.add %v, %w : (tensor<2x4xi32>, tensor<2x4xi32>) -> tensor<2x4xi32>
  %y = tosa.rescale %s, %mo, %so, %z32, %zo {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = DOUBLE_ROUND, scale32 = true} : (tensor<2x4xi32>, tensor<1xi32>, tensor<1xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<2x4xi8>
  return %y : tensor<2x4xi8>
}
