// SPDX-License-Identifier: Apache-2.0
// RUN: %npu-opt %s --convert-tosa-to-npu --cse | filecheck %s

// CHECK-LABEL: func.func @plain
// CHECK: "npu.rescale"(%arg0) {rescale = #npu.scale<{double_round = false, hi = 32767 : i64, lo = -32768 : i64, multiplier = array<i64: 19555>, shift = array<i64: 7>, zp_out = 0 : i64}>, zp_x = -104 : i64} : (tensor<4xi8>) -> tensor<4xi16>
func.func @plain(%x: tensor<4xi8>) -> tensor<4xi16> {
  %m = "tosa.const"() <{values = dense<19555> : tensor<1xi16>}> : () -> tensor<1xi16>
  %s = "tosa.const"() <{values = dense<7> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zi = "tosa.const"() <{values = dense<-104> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zo = "tosa.const"() <{values = dense<0> : tensor<1xi16>}> : () -> tensor<1xi16>
  %y = tosa.rescale %x, %m, %s, %zi, %zo {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = SINGLE_ROUND, scale32 = false} : (tensor<4xi8>, tensor<1xi16>, tensor<1xi8>, tensor<1xi8>, tensor<1xi16>) -> tensor<4xi16>
  return %y : tensor<4xi16>
}

// Eight bits of either sign to eight bits: 256 entries.
// CHECK-LABEL: func.func @unsigned
// CHECK: "npu.table"(%arg0, %{{.*}}) : (tensor<4xi8>, tensor<256xi8>) -> tensor<4xi8>
func.func @unsigned(%x: tensor<4xi8>) -> tensor<4xi8> {
  %m = "tosa.const"() <{values = dense<1073741824> : tensor<1xi32>}> : () -> tensor<1xi32>
  %s = "tosa.const"() <{values = dense<30> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zi = "tosa.const"() <{values = dense<-128> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zo = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %y = tosa.rescale %x, %m, %s, %zi, %zo {input_unsigned = true, output_unsigned = false, per_channel = false, rounding_mode = SINGLE_ROUND, scale32 = true} : (tensor<4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}

// Unsigned 16 bits pass through i32.
// CHECK-LABEL: func.func @unsigned_result
// CHECK: %[[R:.*]] = "npu.rescale"(%arg0) {rescale = #npu.scale<{double_round = false, hi = 65535 : i64, lo = 0 : i64, {{.*}}zp_out = 32768 : i64}>{{.*}} -> tensor<4xi32>
// CHECK: "npu.cast"(%[[R]]) : (tensor<4xi32>) -> tensor<4xi16>
func.func @unsigned_result(%x: tensor<4xi8>) -> tensor<4xi16> {
  %m = "tosa.const"() <{values = dense<1073741824> : tensor<1xi32>}> : () -> tensor<1xi32>
  %s = "tosa.const"() <{values = dense<30> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zi = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %zo = "tosa.const"() <{values = dense<-32768> : tensor<1xi16>}> : () -> tensor<1xi16>
  %y = tosa.rescale %x, %m, %s, %zi, %zo {input_unsigned = false, output_unsigned = true, per_channel = false, rounding_mode = SINGLE_ROUND, scale32 = true} : (tensor<4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi16>) -> tensor<4xi16>
  return %y : tensor<4xi16>
}
