// One axis of an upfirdn on the device; the counterpart of upfirdn2d/plan.h without tables.
#pragma once

#include "common/cuda.h"

namespace gf {

// The kernels take their taps by value; more than this many do not fit beside the other arguments.
constexpr int kMaxCudaTaps = 640;

struct DeviceAxis {
  int in, out, up, down, before, taps;

  // Output m is the sum over q < count of tap[phase + q * up] * in[first + q]; the range is cut to the input.
  __device__ inline void range(int m, int* phase, int* first, int* count) const {
    const int base = m * down - before;
    const int remainder = (-base) % up;
    int j = remainder < 0 ? remainder + up : remainder;
    int i = (base + j) / up;
    int n = j < taps ? (taps - j + up - 1) / up : 0;
    if (i < 0) {
      const int skip = -i < n ? -i : n;
      j += skip * up;
      n -= skip;
      i += skip;
    }
    const int left = in - i;
    *count = n < left ? n : (left > 0 ? left : 0);
    *phase = j;
    *first = i;
  }
};

template <typename Geometry>
inline DeviceAxis device_axis(const Geometry& g) {
  return {static_cast<int>(g.in),     static_cast<int>(g.out()), static_cast<int>(g.up),
          static_cast<int>(g.down),   static_cast<int>(g.before), static_cast<int>(g.taps)};
}

struct DeviceTaps {
  float values[kMaxCudaTaps];  // separable: vertical, then horizontal; otherwise rows x columns
};

}  // namespace gf
