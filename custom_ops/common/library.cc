// What the library says about itself.
#include <atomic>
#include <cstring>

#include "common/isa.h"
#include "gansformer_ops.h"

#ifndef GF_STAMP
#define GF_STAMP "{}"
#endif

namespace gf {
namespace {

Isa best_isa() {
#if defined(GF_X86)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")) {
    return kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) return kAvx2;
#endif
  return kBaseline;
}

const char* const kNames[kIsaCount] = {"baseline", "avx2", "avx512"};

std::atomic<int> chosen{-1};

}  // namespace

Isa current_isa() {
  int isa = chosen.load(std::memory_order_relaxed);
  if (isa < 0) {
    isa = best_isa();
    chosen.store(isa, std::memory_order_relaxed);
  }
  return static_cast<Isa>(isa);
}

}  // namespace gf

extern "C" {

int gf_interface(void) { return GF_INTERFACE; }

const char* gf_stamp(void) { return GF_STAMP; }

int gf_has_cuda(void) {
#if defined(GF_CUDA)
  return 1;
#else
  return 0;
#endif
}

const char* gf_isa(void) { return gf::kNames[gf::current_isa()]; }

int gf_set_isa(const char* name) {
  for (int isa = 0; isa < gf::kIsaCount; ++isa) {
    if (name != nullptr && std::strcmp(name, gf::kNames[isa]) == 0) {
      if (isa > gf::best_isa()) return GF_INVALID;
      gf::chosen.store(isa, std::memory_order_relaxed);
      return GF_OK;
    }
  }
  return GF_INVALID;
}

}  // extern "C"
