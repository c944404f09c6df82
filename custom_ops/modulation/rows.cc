// Channels of a picture times their scales, and the gradient of the scales, on the CPU.
#include "modulation/rows.h"

#include "common/simd.h"

namespace gf {
namespace GF_ISA {
namespace {

template <typename T>
void scale(const T* x, const T* scales, T* y, int64_t begin, int64_t end, int64_t channels) {
  for (int64_t r = begin; r < end; ++r) {
    const int64_t at = r * channels;
#pragma GCC ivdep
    for (int64_t c = 0; c < channels; ++c) y[at + c] = x[at + c] * scales[c];
  }
}

template <typename T>
void dot(const T* x, const T* y, T* sums, int64_t begin, int64_t end, int64_t channels) {
  for (int64_t r = begin; r < end; ++r) {
    const int64_t at = r * channels;
#pragma GCC ivdep
    for (int64_t c = 0; c < channels; ++c) sums[c] += x[at + c] * y[at + c];
  }
}

}  // namespace

void scale_rows(const float* x, const float* scales, float* y, int64_t begin, int64_t end, int64_t channels) {
  scale(x, scales, y, begin, end, channels);
}
void scale_rows(const double* x, const double* scales, double* y, int64_t begin, int64_t end, int64_t channels) {
  scale(x, scales, y, begin, end, channels);
}
void dot_rows(const float* x, const float* y, float* sums, int64_t begin, int64_t end, int64_t channels) {
  dot(x, y, sums, begin, end, channels);
}
void dot_rows(const double* x, const double* y, double* sums, int64_t begin, int64_t end, int64_t channels) {
  dot(x, y, sums, begin, end, channels);
}

}  // namespace GF_ISA
}  // namespace gf
