// bias_act in CUDA: one pass over memory.
#include "common/cuda.h"

// After cuda.h, which says whether this is a CUDA compilation.
#include "bias_act/formula.h"
#include "bias_act/geometry.h"

namespace gf {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = 1 << 16;

using Numbers = GF_ISA::BiasActNumbers<float>;

template <typename T, int kWidth, int kOrder>
__global__ void __launch_bounds__(kThreads)
    bias_act_kernel(int activation, const Numbers numbers, int64_t total, int channels, const T* x, const T* __restrict__ bias,
                    const T* first, const T* second, T* y) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads * kWidth;
  for (int64_t at = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kWidth; at < total; at += step) {
    Pack<T, kWidth> value = Pack<T, kWidth>::load(x + at);
    if (bias != nullptr) value.add(1.0f, Pack<T, kWidth>::load(bias + at % channels));
    Pack<T, kWidth> one = Pack<T, kWidth>::zero(), two = one;
    if (kOrder >= 1) one = Pack<T, kWidth>::load(first + at);
    if (kOrder == 2) two = Pack<T, kWidth>::load(second + at);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      value.v[i] = GF_ISA::bias_act<kOrder>(activation, value.v[i], one.v[i], two.v[i], numbers);
    }
    value.store(y + at);
  }
}

template <typename T, int kWidth, int kOrder>
void launch(const gf_bias_act& op, const T* x, const T* bias, const T* first, const T* second, T* y, void* stream) {
  const Numbers numbers = {static_cast<float>(op.alpha), static_cast<float>(op.gain), static_cast<float>(op.clamp)};
  const int64_t total = op.rows * op.channels, blocks = blocks_for(total, kThreads * kWidth);
  const dim3 grid(static_cast<unsigned>(blocks < kMaxBlocks ? blocks : kMaxBlocks));
  auto function = bias_act_kernel<T, kWidth, kOrder>;
  GF_LAUNCH(function, grid, dim3(kThreads), 0, stream, op.activation, numbers, total, static_cast<int>(op.channels), x,
            bias, first, second, y);
}

template <typename T, int kWidth>
void launch_order(const gf_bias_act& op, const T* x, const T* bias, const T* first, const T* second, T* y,
                  void* stream) {
  switch (op.order) {
    case 0: return launch<T, kWidth, 0>(op, x, bias, first, second, y, stream);
    case 1: return launch<T, kWidth, 1>(op, x, bias, first, second, y, stream);
    default: return launch<T, kWidth, 2>(op, x, bias, first, second, y, stream);
  }
}

}  // namespace
}  // namespace gf

extern "C" int gf_bias_act_cuda(const gf_bias_act* op, int dtype, const void* x, const void* bias, const void* first,
                                const void* second, void* y, void* stream, char* message) {
  const int code = gf::check_bias_act(op, message);
  if (code != GF_OK) return code;
  if (op->rows == 0 || op->channels == 0) return GF_OK;
  if (x == nullptr || y == nullptr || (op->order >= 1 && first == nullptr) || (op->order == 2 && second == nullptr)) {
    return gf::fail(GF_INVALID, message, "x, y or an input of the derivative is missing");
  }
  GF_CUDA_TYPES(dtype, message, {
    constexpr int kWidth = 16 / sizeof(T);
    const T *a = static_cast<const T*>(x), *b = static_cast<const T*>(bias), *c = static_cast<const T*>(first),
            *d = static_cast<const T*>(second);
    T* to = static_cast<T*>(y);
    // Missing inputs are null, which is aligned.
    if (gf::packs<T, kWidth>(op->channels, x, bias, first, second, y)) {
      gf::launch_order<T, kWidth>(*op, a, b, c, d, to, stream);
    } else {
      gf::launch_order<T, 1>(*op, a, b, c, d, to, stream);
    }
  });
  return gf::launched(message);
}
