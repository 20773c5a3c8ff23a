// SPDX-License-Identifier: Apache-2.0
// RUN: npu-opt %s --npu-tabulate --split-input-file | FileCheck %s
// RUN: npu-opt %s --npu-tabulate --split-input-file --validate > /dev/null

#unit = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 30>, zp_out = 0 : i64}>
#r = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 37>, zp_out = 0 : i64}>

// A product of a value and a table of it is a table.
// CHECK-LABEL: func.func @product
// CHECK-NOT: npu.mul
// CHECK: "npu.table"(%arg0
// CHECK-NOT: npu.table
func.func @product(%x: tensor<2x3xi8>) -> tensor<2x3xi8> {
  %t = "npu.constant"() {value = dense<2> : tensor<256xi8>} : () -> tensor<256xi8>
  %0 = "npu.table"(%x, %t) : (tensor<2x3xi8>, tensor<256xi8>) -> tensor<2x3xi8>
  %1 = "npu.mul"(%x, %0) {rescale = #r, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<2x3xi8>, tensor<2x3xi8>) -> tensor<2x3xi8>
  return %1 : tensor<2x3xi8>
}

// -----

#unit = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 30>, zp_out = 0 : i64}>
#r = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 37>, zp_out = 0 : i64}>

// Both sides come from one value, on longer ways.
// CHECK-LABEL: func.func @both_sides
// CHECK-NOT: npu.mul
// CHECK-NOT: npu.clamp
// CHECK: "npu.table"(%arg0
// CHECK-NOT: npu.table
func.func @both_sides(%x: tensor<2x3xi8>) -> tensor<2x3xi8> {
  %t = "npu.constant"() {value = dense<2> : tensor<256xi8>} : () -> tensor<256xi8>
  %0 = "npu.table"(%x, %t) : (tensor<2x3xi8>, tensor<256xi8>) -> tensor<2x3xi8>
  %1 = "npu.clamp"(%x) {hi = 100 : i64, lo = -3 : i64} : (tensor<2x3xi8>) -> tensor<2x3xi8>
  %2 = "npu.table"(%1, %t) : (tensor<2x3xi8>, tensor<256xi8>) -> tensor<2x3xi8>
  %3 = "npu.mul"(%0, %2) {rescale = #r, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<2x3xi8>, tensor<2x3xi8>) -> tensor<2x3xi8>
  return %3 : tensor<2x3xi8>
}

// -----

#unit = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 30>, zp_out = 0 : i64}>
#r = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 37>, zp_out = 0 : i64}>

// A single constant on one side.
// CHECK-LABEL: func.func @constant
// CHECK-NOT: npu.mul
// CHECK: "npu.table"(%arg0
func.func @constant(%x: tensor<2x3xi8>) -> tensor<2x3xi8> {
  %t = "npu.constant"() {value = dense<2> : tensor<256xi8>} : () -> tensor<256xi8>
  %c = "npu.constant"() {value = dense<7> : tensor<1xi8>} : () -> tensor<1xi8>
  %0 = "npu.table"(%x, %t) : (tensor<2x3xi8>, tensor<256xi8>) -> tensor<2x3xi8>
  %1 = "npu.mul"(%0, %c) {rescale = #r, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<2x3xi8>, tensor<1xi8>) -> tensor<2x3xi8>
  return %1 : tensor<2x3xi8>
}

// -----

#unit = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 30>, zp_out = 0 : i64}>
#r = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>, shift = array<i64: 37>, zp_out = 0 : i64}>

// A table that others read stays, so nothing is saved; a square has no op to save; two values are no table.
// CHECK-LABEL: func.func @read_twice
// CHECK: npu.mul
// CHECK: npu.mul
// CHECK: npu.mul
func.func @read_twice(%x: tensor<2x3xi8>, %y: tensor<2x3xi8>) -> (tensor<2x3xi8>, tensor<2x3xi8>, tensor<2x3xi8>, tensor<2x3xi8>) {
  %t = "npu.constant"() {value = dense<2> : tensor<256xi8>} : () -> tensor<256xi8>
  %0 = "npu.table"(%x, %t) : (tensor<2x3xi8>, tensor<256xi8>) -> tensor<2x3xi8>
  %1 = "npu.mul"(%x, %0) {rescale = #r, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<2x3xi8>, tensor<2x3xi8>) -> tensor<2x3xi8>
  %2 = "npu.mul"(%x, %x) {rescale = #r, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<2x3xi8>, tensor<2x3xi8>) -> tensor<2x3xi8>
  %3 = "npu.table"(%y, %t) : (tensor<2x3xi8>, tensor<256xi8>) -> tensor<2x3xi8>
  %4 = "npu.mul"(%x, %3) {rescale = #r, zp_a = 0 : i64, zp_b = 0 : i64} : (tensor<2x3xi8>, tensor<2x3xi8>) -> tensor<2x3xi8>
  return %0, %1, %2, %4 : tensor<2x3xi8>, tensor<2x3xi8>, tensor<2x3xi8>, tensor<2x3xi8>
}
