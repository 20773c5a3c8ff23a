// SPDX-License-Identifier: Apache-2.0
// First fit of npuc.plan.place, number for number.
#pragma once

#include <cstdint>
#include <vector>

namespace npuc {

struct Lifetime {
  std::int64_t size, first, last;
};

// The offset of each buffer, taken in `order`: the lowest where it meets nobody placed before who lives with it.
std::vector<std::int64_t> first_fit(const std::vector<Lifetime> &buffers, const std::vector<std::int64_t> &order);

} // namespace npuc
