// What the CUDA kernels share: launching, 16-bit storage, vector access.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/check.h"

#if defined(GF_EMULATE_CUDA)
#include "testing/cuda_emulation.h"
#define GF_LAUNCH(function, grid, block, shared, stream, ...) \
  (static_cast<void>(stream), ::gf::emulation::launch(grid, block, shared, [&] { function(__VA_ARGS__); }))
#define GF_DYNAMIC_SHARED(name) float* name = ::gf::emulation::dynamic_shared
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#define GF_LAUNCH(function, grid, block, shared, stream, ...) \
  function<<<grid, block, shared, static_cast<cudaStream_t>(stream)>>>(__VA_ARGS__)
#define GF_DYNAMIC_SHARED(name) extern __shared__ float name[]
#endif

namespace gf {

// After a launch: the launch's own error. Errors inside the kernel appear with the next synchronisation.
inline int launched(char* message) {
#if !defined(GF_EMULATE_CUDA)
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) {
    return fail(GF_DEVICE_ERROR, message, "the CUDA kernel could not be launched: %s", cudaGetErrorString(error));
  }
#endif
  (void)message;
  return GF_OK;
}

__host__ __device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(__half value) { return __half2float(value); }
__device__ inline float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }

template <typename T>
__device__ inline T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline __half from_float<__half>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

// kWidth neighbouring values, read and written at once where they fill 16 or 8 bytes.
template <typename T, int kWidth>
struct Pack {
  float v[kWidth];

  __device__ static inline Pack load(const T* from) {
    struct alignas(sizeof(T) * kWidth) Raw {
      T v[kWidth];
    };
    const Raw raw = *reinterpret_cast<const Raw*>(from);
    Pack pack;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) pack.v[i] = to_float(raw.v[i]);
    return pack;
  }
  __device__ static inline Pack zero() {
    Pack pack;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) pack.v[i] = 0.0f;
    return pack;
  }
  __device__ inline void add(float factor, const Pack& other) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) v[i] += factor * other.v[i];
  }
  __device__ inline void store(T* to) const {
    struct alignas(sizeof(T) * kWidth) Raw {
      T v[kWidth];
    };
    Raw raw;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) raw.v[i] = from_float<T>(v[i]);
    *reinterpret_cast<Raw*>(to) = raw;
  }
};

// Whether rows of `channels` values at these addresses can be read kWidth values at a time.
template <typename T, int kWidth, typename... Pointers>
inline bool packs(int64_t channels, Pointers... pointers) {
  bool fits = channels % kWidth == 0;
  for (const void* pointer : {static_cast<const void*>(pointers)...}) {
    fits = fits && reinterpret_cast<uintptr_t>(pointer) % (sizeof(T) * kWidth) == 0;
  }
  return fits;
}

inline int64_t blocks_for(int64_t total, int64_t per_block) { return (total + per_block - 1) / per_block; }

constexpr int64_t kMaxGridX = 0x7fffffff;
constexpr int64_t kMaxGridYZ = 65535;

}  // namespace gf

// Calls the statement with T as the storage type.
#define GF_CUDA_TYPES(dtype, message, ...)                                                                      \
  switch (dtype) {                                                                                             \
    case GF_FLOAT32: {                                                                                         \
      using T = float;                                                                                         \
      __VA_ARGS__;                                                                                             \
      break;                                                                                                   \
    }                                                                                                          \
    case GF_FLOAT16: {                                                                                         \
      using T = __half;                                                                                        \
      __VA_ARGS__;                                                                                             \
      break;                                                                                                   \
    }                                                                                                          \
    case GF_BFLOAT16: {                                                                                        \
      using T = __nv_bfloat16;                                                                                 \
      __VA_ARGS__;                                                                                             \
      break;                                                                                                   \
    }                                                                                                          \
    default:                                                                                                   \
      return ::gf::fail(GF_UNSUPPORTED, message, "the CUDA kernel takes float32 and 16-bit floats, not type %d", \
                        dtype);                                                                                \
  }
