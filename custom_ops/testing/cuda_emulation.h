// Runs CUDA kernels on the CPU, to test their arithmetic, indexing and synchronisation where there is no GPU.
//
// Each thread of a block is a thread of the operating system and the blocks run one after the other, so `static`
// does for shared memory and a barrier for __syncthreads. Sanitizers see every access. Only what the kernels of this
// project use is here; warps and their collectives are not.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)
#define __restrict__

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

struct uint4 {
  uint32_t x, y, z, w;
};

// 16-bit floats: storage, and conversion with rounding to nearest even.
struct __nv_bfloat16 {
  uint16_t bits;
};
struct __half {
  uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 value) {
  const uint32_t bits = static_cast<uint32_t>(value.bits) << 16;
  float result;
  std::memcpy(&result, &bits, 4);
  return result;
}
inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16)};
}
inline float __half2float(__half value) {
  const int exponent = (value.bits >> 10) & 31, mantissa = value.bits & 1023;
  float result = exponent == 31 ? (mantissa ? __builtin_nanf("") : __builtin_inff())
                                : __builtin_ldexpf(exponent ? mantissa + 1024 : mantissa, (exponent ? exponent : 1) - 25);
  return value.bits & 0x8000 ? -result : result;
}
inline __half __float2half_rn(float value) {
  const _Float16 rounded = static_cast<_Float16>(value);
  __half result;
  std::memcpy(&result.bits, &rounded, 2);
  return result;
}

namespace gf {
namespace emulation {

inline thread_local dim3 thread_index(0, 0, 0), block_index(0, 0, 0), block_size(1, 1, 1), grid_size(1, 1, 1);

class Barrier {
 public:
  explicit Barrier(int count) : count_(count) {}
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    const int64_t round = round_;
    if (++waiting_ == count_) {
      waiting_ = 0;
      ++round_;
      all_.notify_all();
    } else {
      all_.wait(lock, [&] { return round_ != round; });
    }
  }

 private:
  int count_, waiting_ = 0;
  int64_t round_ = 0;
  std::mutex mutex_;
  std::condition_variable all_;
};

inline Barrier* barrier = nullptr;
inline float* dynamic_shared = nullptr;

// One kernel at a time.
template <typename Body>
void launch(dim3 grid, dim3 block, size_t shared_bytes, const Body& body) {
  static std::mutex one;
  std::lock_guard<std::mutex> lock(one);
  const int count = static_cast<int>(block.x * block.y * block.z);
  Barrier own(count);
  barrier = &own;
  std::vector<std::thread> threads;
  std::vector<float> shared;
  for (int t = 0; t < count; ++t) {
    threads.emplace_back([&, t] {
      block_size = block;
      grid_size = grid;
      thread_index = dim3(t % block.x, t / block.x % block.y, t / (block.x * block.y));
      for (unsigned z = 0; z < grid.z; ++z) {
        for (unsigned y = 0; y < grid.y; ++y) {
          for (unsigned x = 0; x < grid.x; ++x) {
            own.wait();
            if (t == 0) {  // shared memory starts undefined: NaN shows a read before a write
              shared.assign(shared_bytes / sizeof(float), __builtin_nanf(""));
              dynamic_shared = shared.data();
            }
            own.wait();
            block_index = dim3(x, y, z);
            body();
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  barrier = nullptr;
}

}  // namespace emulation
}  // namespace gf

#define threadIdx ::gf::emulation::thread_index
#define blockIdx ::gf::emulation::block_index
#define blockDim ::gf::emulation::block_size
#define gridDim ::gf::emulation::grid_size
inline void __syncthreads() { gf::emulation::barrier->wait(); }
