// SPDX-License-Identifier: Apache-2.0
#include "path.h"

namespace npuc {
namespace {

struct Found {
  const Path *paths[3];
  int count = 0;

  Found() : paths{} {
#if defined(NPUC_X86_PATHS)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"))
      paths[count++] = &avx512vnni_path();
    if (avx2)
      paths[count++] = &avx2_path();
#endif
    paths[count++] = &portable_path();
  }
};

} // namespace

Paths available_paths() {
  static const Found found;
  return {found.paths, found.count};
}

} // namespace npuc
