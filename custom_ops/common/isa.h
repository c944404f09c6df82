// The CPU kernels are compiled once per instruction set; the best one that the CPU runs is used.
#pragma once

namespace gf {

enum Isa { kBaseline = 0, kAvx2 = 1, kAvx512 = 2, kIsaCount = 3 };

// The instruction set in use; the best of this CPU unless gf_set_isa chose another.
Isa current_isa();

}  // namespace gf

// Picks the variant of a kernel that was compiled for the instruction set in use.
#if defined(GF_X86)
#define GF_DISPATCH(function, ...)                                     \
  do {                                                                 \
    switch (::gf::current_isa()) {                                     \
      case ::gf::kAvx512: ::gf::avx512::function(__VA_ARGS__); break;  \
      case ::gf::kAvx2: ::gf::avx2::function(__VA_ARGS__); break;      \
      default: ::gf::baseline::function(__VA_ARGS__); break;           \
    }                                                                  \
  } while (0)
#define GF_DECLARE_VARIANTS(declaration) \
  namespace gf {                         \
  namespace baseline { declaration }     \
  namespace avx2 { declaration }         \
  namespace avx512 { declaration }       \
  }
#else
#define GF_DISPATCH(function, ...) ::gf::baseline::function(__VA_ARGS__)
#define GF_DECLARE_VARIANTS(declaration) \
  namespace gf {                         \
  namespace baseline { declaration }     \
  }
#endif
