// upfirdn2d on the CPU: output rows, each a vertical sum of input rows followed by a horizontal filter.
#include "upfirdn2d/filter.h"
#include "upfirdn2d/rows.h"

namespace gf {
namespace GF_ISA {
namespace {

template <typename T>
void rows(const Upfirdn2dPlan<T>& plan, const T* x, T* y, int64_t begin, int64_t end, T* scratch) {
  const Axis<T>&vertical = plan.vertical, &horizontal = plan.horizontal;
  const int64_t row_in = horizontal.in * plan.channels, row_out = horizontal.out * plan.channels;
  const bool streams = plan.streams && (plan.channels * sizeof(T)) % GF_VECTOR_BYTES == 0 &&
                       reinterpret_cast<uintptr_t>(y) % GF_VECTOR_BYTES == 0;
  for (int64_t r = begin; r < end; ++r) {
    const Step& step = vertical.steps[r % vertical.out];
    const T* from = x + ((r / vertical.out) * vertical.in + step.first) * row_in;
    T* to = y + r * row_out;
    if (step.count == 0) {
      std::memset(to, 0, row_out * sizeof(T));
    } else if (plan.separable) {
      fir(scratch, from, row_in, vertical.taps + step.tap, step.count, row_in, Store());
      if (streams) {
        filter_row(to, scratch, horizontal, horizontal.taps, plan.channels, StoreStreaming());
      } else {
        filter_row(to, scratch, horizontal, horizontal.taps, plan.channels, Store());
      }
    } else {
      for (int q = 0; q < step.count; ++q) {
        // The vertical taps of a joint kernel are the numbers of its rows.
        const T* taps = horizontal.taps + static_cast<int64_t>(vertical.taps[step.tap + q]) * horizontal.taps_stride;
        if (q == 0) {
          filter_row(to, from, horizontal, taps, plan.channels, Store());
        } else {
          filter_row(to, from + q * row_in, horizontal, taps, plan.channels, Accumulate());
        }
      }
    }
  }
  if (streams) stream_fence();
}

}  // namespace

void upfirdn2d_rows(const Upfirdn2dPlan<float>& plan, const float* x, float* y, int64_t begin, int64_t end,
                    float* scratch) {
  rows(plan, x, y, begin, end, scratch);
}
void upfirdn2d_rows(const Upfirdn2dPlan<double>& plan, const double* x, double* y, int64_t begin, int64_t end,
                    double* scratch) {
  rows(plan, x, y, begin, end, scratch);
}

}  // namespace GF_ISA
}  // namespace gf
