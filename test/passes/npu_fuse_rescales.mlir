// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-fuse-rescales --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-fuse-rescales --split-input-file --validate > /dev/null

#same = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 30>, zp_out = 5 : i64}>
#bounded = #npu.scale<{double_round = false, hi = 90 : i64, lo = 5 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 30>, zp_out = 5 : i64}>

// Same scale and zero point: nothing to do, or no more than the bounds.
// CHECK-LABEL: func.func @identity
// CHECK-NEXT: %[[C:.*]] = "npu.clamp"(%arg0) {hi = 90 : i64, lo = 5 : i64}
// CHECK-NEXT: return %arg0, %[[C]]
func.func @identity(%x: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8>) {
  %0 = "npu.rescale"(%x) {rescale = #same, zp_x = 5 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %1 = "npu.rescale"(%x) {rescale = #bounded, zp_x = 5 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  return %0, %1 : tensor<4xi8>, tensor<4xi8>
}

// -----

#half = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>

// Two roundings are not one: a rescale of a product stays.
// CHECK-LABEL: func.func @two_roundings
// CHECK-NEXT: npu.mul
// CHECK-NEXT: npu.rescale
func.func @two_roundings(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = "npu.mul"(%x, %x) {rescale = #half, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  %1 = "npu.rescale"(%0) {rescale = #half, zp_x = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  return %1 : tensor<4xi8>
}

// -----

#up = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 30>, zp_out = 10 : i64}>
#half = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>

// x + 10 never saturates for x up to 100, so it is a matter of the zero point; without the clamp it would.
// CHECK-LABEL: func.func @zero_point
// CHECK-NEXT: %[[C:.*]] = "npu.clamp"(%arg0)
// CHECK-NEXT: %[[M:.*]] = "npu.mul"(%[[C]], %arg0) {{.*}} zp_a = -7 : i64, zp_b = 0 : i64
// CHECK-NEXT: %[[R:.*]] = "npu.rescale"(%arg0)
// CHECK-NEXT: %[[N:.*]] = "npu.mul"(%arg0, %[[R]]) {{.*}} zp_a = 0 : i64, zp_b = 3 : i64
// CHECK-NEXT: return %[[M]], %[[N]]
func.func @zero_point(%x: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8>) {
  %0 = "npu.clamp"(%x) {hi = 100 : i64, lo = -128 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %1 = "npu.rescale"(%0) {rescale = #up, zp_x = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %2 = "npu.mul"(%1, %x) {rescale = #half, zp_a = 3 : i64, zp_b = 0 : i64} : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  %3 = "npu.rescale"(%x) {rescale = #up, zp_x = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %4 = "npu.mul"(%x, %3) {rescale = #half, zp_a = 0 : i64, zp_b = 3 : i64} : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %2, %4 : tensor<4xi8>, tensor<4xi8>
}

// -----

#half = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 31>, zp_out = 0 : i64}>

// Functions of one byte next to a table are part of the table.
// CHECK-LABEL: func.func @table
// CHECK-NEXT: %[[T:.*]] = "npu.constant"() {value = dense<7> : tensor<256xi8>}
// CHECK-NEXT: %[[Y:.*]] = "npu.table"(%arg0, %[[T]])
// CHECK-NEXT: return %[[Y]]
func.func @table(%x: tensor<4xi8>) -> tensor<4xi8> {
  %t = "npu.constant"() {value = dense<14> : tensor<256xi8>} : () -> tensor<256xi8>
  %0 = "npu.clamp"(%x) {hi = 100 : i64, lo = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %1 = "npu.rescale"(%0) {rescale = #half, zp_x = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  %2 = "npu.table"(%1, %t) : (tensor<4xi8>, tensor<256xi8>) -> tensor<4xi8>
  %3 = "npu.rescale"(%2) {rescale = #half, zp_x = 0 : i64} : (tensor<4xi8>) -> tensor<4xi8>
  return %3 : tensor<4xi8>
}
