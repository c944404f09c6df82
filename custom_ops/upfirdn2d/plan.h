// What an upfirdn along one axis reads for each of its outputs.
#pragma once

#include <cstdint>

namespace gf {

// Output m is the sum over q < count of taps[tap + q] * in[first + q].
struct Step {
  int32_t tap;
  int32_t count;
  int64_t first;
};

// One axis. `taps` are ordered by phase, so that the taps of one output are contiguous; a kernel that is not
// separable has one such set per row, `taps_stride` apart.
template <typename T>
struct Axis {
  int64_t in, out;
  const Step* steps;
  const T* taps;
  int64_t taps_stride;
};

template <typename T>
struct Upfirdn2dPlan {
  int64_t batch, channels;
  Axis<T> vertical, horizontal;
  bool separable;
  bool streams;  // the output is too large to stay in the caches
};

}  // namespace gf
