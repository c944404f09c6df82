// Fixed-width vectors through the compiler's vector extension; the width follows the instruction set of the file.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(GF_X86)
#include <immintrin.h>
#endif

#if defined(GF_ISA_AVX512)
#define GF_ISA avx512
#define GF_VECTOR_BYTES 64
#elif defined(GF_ISA_AVX2)
#define GF_ISA avx2
#define GF_VECTOR_BYTES 32
#else
#define GF_ISA baseline
#define GF_VECTOR_BYTES 16
#endif

namespace gf {
namespace GF_ISA {

template <typename T>
struct Vector {
  typedef T Type __attribute__((vector_size(GF_VECTOR_BYTES)));
  static constexpr int kSize = GF_VECTOR_BYTES / sizeof(T);

  static inline Type load(const T* from) {
    Type value;
    std::memcpy(&value, from, sizeof(Type));
    return value;
  }
  static inline void store(T* to, Type value) { std::memcpy(to, &value, sizeof(Type)); }
  // Past the caches, for large outputs: spares reading what will be overwritten. `to` must be aligned to a vector.
  static inline void stream(T* to, Type value) {
#if defined(GF_ISA_AVX512)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to), (__m512i)value);
#elif defined(GF_ISA_AVX2)
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)value);
#elif defined(GF_X86)
    _mm_stream_si128(reinterpret_cast<__m128i*>(to), (__m128i)value);
#else
    store(to, value);
#endif
  }
  static inline Type fill(T value) { return Type{} + value; }
};

// Makes streamed stores visible to other threads.
inline void stream_fence() {
#if defined(GF_X86)
  _mm_sfence();
#endif
}

}  // namespace GF_ISA
}  // namespace gf
