// SPDX-License-Identifier: Apache-2.0
#include "extent.h"

#include <algorithm>

namespace npuc {

Extent::Extent(std::int64_t start, std::int64_t run, const std::int64_t *counts, const std::int64_t *strides)
    : start_(start), run_(run), low_(start), high_(start + run), dense_(true) {
  for (std::size_t k = 0; k < dimensions; ++k) {
    counts_[k] = std::max<std::int64_t>(counts[k], 1);
    strides_[k] = strides[k];
    const std::int64_t reach = (counts_[k] - 1) * strides[k];
    (reach < 0 ? low_ : high_) += reach;
    dense_ = dense_ && counts_[k] == 1;
  }
}

const std::vector<std::int64_t> &Extent::starts() const {
  if (starts_.empty()) {
    starts_.push_back(start_);
    for (std::size_t k = 0; k < dimensions; ++k) {
      const std::size_t known = starts_.size();
      for (std::int64_t i = 1; i < counts_[k]; ++i)
        for (std::size_t j = 0; j < known; ++j)
          starts_.push_back(starts_[j] + i * strides_[k]);
    }
    std::sort(starts_.begin(), starts_.end());
    starts_.erase(std::unique(starts_.begin(), starts_.end()), starts_.end());
  }
  return starts_;
}

bool Extent::overlaps(const Extent &other, std::int64_t shift, std::int64_t other_shift) const {
  if (high_ + shift <= other.low_ + other_shift || other.high_ + other_shift <= low_ + shift)
    return false;
  if (dense_ && other.dense_)
    return true;
  const std::vector<std::int64_t> &mine = starts(), &theirs = other.starts();
  // of both the first run that ends behind the other's first byte
  const std::int64_t gap = other_shift - shift;
  auto i = std::upper_bound(mine.begin(), mine.end(), theirs.front() + gap - run_);
  auto j = std::upper_bound(theirs.begin(), theirs.end(), mine.front() - gap - other.run_);
  while (i != mine.end() && j != theirs.end()) {
    if (*i + run_ <= *j + gap)
      ++i;
    else if (*j + gap + other.run_ <= *i)
      ++j;
    else
      return true;
  }
  return false;
}

} // namespace npuc
