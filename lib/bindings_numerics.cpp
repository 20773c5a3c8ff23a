// SPDX-License-Identifier: Apache-2.0
// The Python face of what the packer of weights spends its time on.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "numerics/weight_sections.h"

namespace nb = nanobind;

namespace {

using Values = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

std::vector<std::pair<std::int64_t, std::int64_t>> choose_sections(const Values &values, std::int32_t binary_bits) {
  const std::size_t limit = std::size_t{1} << 24;
  if (values.shape(0) > limit || binary_bits < 0 || binary_bits > 9)
    throw nb::value_error(("values: " + std::to_string(values.shape(0)) + ", wanted at most " + std::to_string(limit) + "; binary_bits is " +
                           std::to_string(binary_bits) + ", wanted 0..9").c_str());
  const nb::gil_scoped_release free_gil;
  for (std::size_t i = 0; i < values.shape(0); ++i)
    if (values.data()[i] < 0 || values.data()[i] > 511)
      throw nb::value_error(("values[" + std::to_string(i) + "] is " + std::to_string(values.data()[i]) + ", wanted 0..511").c_str());
  return npuc::choose_sections(values.data(), values.shape(0), binary_bits);
}

} // namespace

void bind_numerics(nb::module_ &m) {
  using namespace nb::literals;
  m.def("choose_sections", &choose_sections, "values"_a, "binary_bits"_a,
        "(end, code) of every section of palette indices i32 [N]; see npuc.numerics.weight_sections.");
}
