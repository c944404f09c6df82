// upfirdn2d in CUDA. Bandwidth decides: a thread owns one column of one pack of channels.
#include "common/cuda_axis.h"
#include "upfirdn2d/geometry.h"

namespace gf {
namespace {

constexpr int kThreads = 256;
// Output rows that a thread of the sliding kernel makes, reading every input row once.
constexpr int kStrip = 16;

struct Params {
  DeviceAxis vertical, horizontal;
  int64_t batch;
  int channels;
  int separable;
  DeviceTaps taps;
};

// Any factors, any kernel: every output gathers its inputs.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    upfirdn2d_gather(const Params p, const T* __restrict__ x, T* __restrict__ y) {
  __shared__ float taps[kMaxCudaTaps];
  const int total = p.separable ? p.vertical.taps + p.horizontal.taps : p.vertical.taps * p.horizontal.taps;
  for (int i = threadIdx.x; i < total; i += kThreads) taps[i] = p.taps.values[i];
  __syncthreads();
  const int packs = p.channels / kWidth;
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (at >= static_cast<int64_t>(p.horizontal.out) * packs) return;
  const int column = static_cast<int>(at / packs), channel = static_cast<int>(at % packs) * kWidth;
  int phase_x, first_x, count_x;
  p.horizontal.range(column, &phase_x, &first_x, &count_x);
  const int64_t rows = p.batch * p.vertical.out;
  for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
    const int64_t picture = row / p.vertical.out;
    int phase_y, first_y, count_y;
    p.vertical.range(static_cast<int>(row - picture * p.vertical.out), &phase_y, &first_y, &count_y);
    Pack<T, kWidth> sum = Pack<T, kWidth>::zero();
    for (int i = 0; i < count_y; ++i) {
      const int tap_y = phase_y + i * p.vertical.up;
      const T* from = x + ((picture * p.vertical.in + first_y + i) * p.horizontal.in + first_x) * p.channels + channel;
      for (int j = 0; j < count_x; ++j) {
        const int tap_x = phase_x + j * p.horizontal.up;
        const float tap = p.separable ? taps[tap_y] * taps[p.vertical.taps + tap_x]
                                      : taps[tap_y * p.horizontal.taps + tap_x];
        sum.add(tap, Pack<T, kWidth>::load(from + static_cast<int64_t>(j) * p.channels));
      }
    }
    sum.store(y + (row * p.horizontal.out + column) * p.channels + channel);
  }
}

// Separable kernels of kTaps taps and equal factors: horizontally filtered rows slide through registers.
template <typename T, int kWidth, int kUp, int kDown, int kTaps>
__global__ void __launch_bounds__(kThreads)
    upfirdn2d_slide(const Params p, const T* __restrict__ x, T* __restrict__ y) {
  constexpr int kWindow = kTaps / kUp;
  const int packs = p.channels / kWidth;
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (at >= static_cast<int64_t>(p.horizontal.out) * packs) return;
  const int column = static_cast<int>(at / packs), channel = static_cast<int>(at % packs) * kWidth;

  // The horizontal taps of this column, zero where they leave the input.
  const int base_x = column * kDown - p.horizontal.before;
  const int phase_x = ((-base_x) % kUp + kUp) % kUp;
  const int first_x = (base_x + phase_x) / kUp;
  float across[kWindow];
#pragma unroll
  for (int j = 0; j < kWindow; ++j) {
    const bool inside = first_x + j >= 0 && first_x + j < p.horizontal.in;
    across[j] = inside ? p.taps.values[p.vertical.taps + phase_x + j * kUp] : 0.0f;
  }
  float along[kTaps];
#pragma unroll
  for (int j = 0; j < kTaps; ++j) along[j] = p.taps.values[j];

  const int strips = (p.vertical.out + kStrip - 1) / kStrip;
  for (int64_t unit = blockIdx.y; unit < p.batch * strips; unit += gridDim.y) {
    const int64_t picture = unit / strips;
    const int begin = static_cast<int>(unit - picture * strips) * kStrip;
    const int end = begin + kStrip < p.vertical.out ? begin + kStrip : p.vertical.out;
    const T* from = x + (picture * p.vertical.in * p.horizontal.in + first_x) * p.channels + channel;

    auto filtered_row = [&](int row) {
      Pack<T, kWidth> sum = Pack<T, kWidth>::zero();
      if (row >= 0 && row < p.vertical.in) {
        const T* line = from + static_cast<int64_t>(row) * p.horizontal.in * p.channels;
#pragma unroll
        for (int j = 0; j < kWindow; ++j) {
          if (across[j] != 0.0f) {
            sum.add(across[j], Pack<T, kWidth>::load(line + static_cast<int64_t>(j) * p.channels));
          }
        }
      }
      return sum;
    };

    auto phase_of_row = [&](int row) { return ((p.vertical.before - row * kDown) % kUp + kUp) % kUp; };
    auto first_of_row = [&](int row) { return (row * kDown - p.vertical.before + phase_of_row(row)) / kUp; };

    Pack<T, kWidth> window[kWindow];
    int first = first_of_row(begin);  // input row of window[0]
#pragma unroll
    for (int i = 0; i < kWindow; ++i) window[i] = filtered_row(first + i);
    for (int row = begin; row < end; ++row) {
      for (const int wanted = first_of_row(row); first < wanted; ++first) {
#pragma unroll
        for (int i = 0; i + 1 < kWindow; ++i) window[i] = window[i + 1];
        window[kWindow - 1] = filtered_row(first + kWindow);
      }
      const int phase = phase_of_row(row);
      Pack<T, kWidth> sum = Pack<T, kWidth>::zero();
#pragma unroll
      for (int candidate = 0; candidate < kUp; ++candidate) {
        if (candidate == phase) {  // constant tap numbers keep `along` in registers
#pragma unroll
          for (int i = 0; i < kWindow; ++i) sum.add(along[candidate + i * kUp], window[i]);
        }
      }
      sum.store(y + ((picture * p.vertical.out + row) * p.horizontal.out + column) * p.channels + channel);
    }
  }
}

template <typename T, int kWidth>
void launch(const Params& p, const T* x, T* y, void* stream) {
  const DeviceAxis &v = p.vertical, &h = p.horizontal;
  const int64_t across = blocks_for(static_cast<int64_t>(h.out) * (p.channels / kWidth), kThreads);
  const bool same = p.separable && v.up == h.up && v.down == h.down && v.taps == 4 && h.taps == 4;
  const int64_t strips = p.batch * blocks_for(v.out, kStrip);
  const dim3 slide(static_cast<unsigned>(across), static_cast<unsigned>(strips < kMaxGridYZ ? strips : kMaxGridYZ));
  if (same && v.up == 2 && v.down == 1) {
    auto function = upfirdn2d_slide<T, kWidth, 2, 1, 4>;
    GF_LAUNCH(function, slide, dim3(kThreads), 0, stream, p, x, y);
  } else if (same && v.up == 1 && v.down == 2) {
    auto function = upfirdn2d_slide<T, kWidth, 1, 2, 4>;
    GF_LAUNCH(function, slide, dim3(kThreads), 0, stream, p, x, y);
  } else if (same && v.up == 1 && v.down == 1) {
    auto function = upfirdn2d_slide<T, kWidth, 1, 1, 4>;
    GF_LAUNCH(function, slide, dim3(kThreads), 0, stream, p, x, y);
  } else {
    const int64_t rows = p.batch * v.out;
    const dim3 grid(static_cast<unsigned>(across), static_cast<unsigned>(rows < kMaxGridYZ ? rows : kMaxGridYZ));
    auto function = upfirdn2d_gather<T, kWidth>;
    GF_LAUNCH(function, grid, dim3(kThreads), 0, stream, p, x, y);
  }
}

}  // namespace
}  // namespace gf

extern "C" int gf_upfirdn2d_cuda(const gf_upfirdn2d* op, int dtype, const void* x, void* y, void* stream,
                                 char* message) {
  gf::Geometry2d geometry;
  const int code = gf::check_upfirdn2d(op, &geometry, message);
  if (code != GF_OK) return code;
  const int64_t taps = op->separable ? op->taps[0] + op->taps[1] : op->taps[0] * op->taps[1];
  if (taps > gf::kMaxCudaTaps) {
    return gf::fail(GF_UNSUPPORTED, message, "the kernel has %lld taps; the CUDA kernel takes at most %d",
                    static_cast<long long>(taps), gf::kMaxCudaTaps);
  }
  if (op->batch == 0 || op->channels == 0) return GF_OK;
  if (x == nullptr || y == nullptr) return gf::fail(GF_INVALID, message, "x or y is missing");
  if (geometry.horizontal.out() * op->channels > gf::kMaxGridX) {
    return gf::fail(GF_UNSUPPORTED, message, "a row of the result is too long for the CUDA kernel");
  }
  gf::Params p = {};
  p.vertical = gf::device_axis(geometry.vertical);
  p.horizontal = gf::device_axis(geometry.horizontal);
  p.batch = op->batch;
  p.channels = static_cast<int>(op->channels);
  p.separable = op->separable;
  std::copy(op->kernel, op->kernel + taps, p.taps.values);
  GF_CUDA_TYPES(dtype, message, {
    constexpr int kWidth = 16 / sizeof(T);
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    if (gf::packs<T, kWidth>(op->channels, x, y)) {
      gf::launch<T, kWidth>(p, from, to, stream);
    } else {
      gf::launch<T, 1>(p, from, to, stream);
    }
  });
  return gf::launched(message);
}
