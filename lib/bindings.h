// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

// Adds the command engine and the timing engine to the module.
void bind_engine(nanobind::module_ &m);
// Adds what the packer of weights spends its time on.
void bind_numerics(nanobind::module_ &m);
// Adds what the planner spends its time on.
void bind_plan(nanobind::module_ &m);
