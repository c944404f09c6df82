// Checked geometry of upfirdn2d, shared by the CPU and CUDA entry points and by filtered_lrelu.
#pragma once

#include "common/check.h"
#include "upfirdn2d/axis.h"

namespace gf {

// Outputs from this size on are written past the caches.
constexpr int64_t kStreamBytes = int64_t{16} << 20;

struct Geometry2d {
  AxisGeometry vertical, horizontal;
};

// Checks everything but the data pointers and fills `geometry`.
inline int check_upfirdn2d(const gf_upfirdn2d* op, Geometry2d* geometry, char* message) {
  if (op == nullptr || op->kernel == nullptr) return fail(GF_INVALID, message, "the arguments or the kernel are missing");
  if (!between(op->batch, 0, kMaxBatch) || !between(op->height, 1, kMaxSize) || !between(op->width, 1, kMaxSize) ||
      !between(op->channels, 0, kMaxSize)) {
    return fail(GF_INVALID, message, "x is [%lld, %lld, %lld, %lld]; height and width must be 1 to %lld",
                static_cast<long long>(op->batch), static_cast<long long>(op->height),
                static_cast<long long>(op->width), static_cast<long long>(op->channels),
                static_cast<long long>(kMaxSize));
  }
  const int64_t sizes[2] = {op->height, op->width};
  const int64_t before[2] = {op->padding[2], op->padding[0]}, after[2] = {op->padding[3], op->padding[1]};
  for (int axis = 0; axis < 2; ++axis) {
    if (!between(op->up[axis], 1, kMaxFactor) || !between(op->down[axis], 1, kMaxFactor)) {
      return fail(GF_INVALID, message, "up is %lld and down is %lld; both must be 1 to %lld",
                  static_cast<long long>(op->up[axis]), static_cast<long long>(op->down[axis]),
                  static_cast<long long>(kMaxFactor));
    }
    if (!between(op->taps[axis], 1, kMaxTaps)) {
      return fail(GF_INVALID, message, "the kernel has %lld taps; it must have 1 to %lld",
                  static_cast<long long>(op->taps[axis]), static_cast<long long>(kMaxTaps));
    }
    if (!between(before[axis], -kMaxPadding, kMaxPadding) || !between(after[axis], -kMaxPadding, kMaxPadding)) {
      return fail(GF_INVALID, message, "padding is %lld and %lld; it must be between -%lld and %lld",
                  static_cast<long long>(before[axis]), static_cast<long long>(after[axis]),
                  static_cast<long long>(kMaxPadding), static_cast<long long>(kMaxPadding));
    }
    AxisGeometry& g = axis == 0 ? geometry->vertical : geometry->horizontal;
    g = AxisGeometry{sizes[axis], op->up[axis], op->down[axis], before[axis], after[axis], op->taps[axis]};
    if (g.padded() < g.taps || g.padded() > kMaxSize) {
      return fail(GF_INVALID, message, "%lld samples after padding; there must be at least the %lld taps and at most %lld",
                  static_cast<long long>(g.padded()), static_cast<long long>(g.taps), static_cast<long long>(kMaxSize));
    }
  }
  if (product(op->batch, op->height, op->width, op->channels) < 0 ||
      product(op->batch, geometry->vertical.out(), geometry->horizontal.out(), op->channels) < 0) {
    return fail(GF_INVALID, message, "the number of elements overflows");
  }
  if (!all_finite(op->kernel, op->separable ? op->taps[0] + op->taps[1] : op->taps[0] * op->taps[1])) {
    return fail(GF_INVALID, message, "the kernel holds values that are not finite");
  }
  return GF_OK;
}

// The plans of both axes of a kernel [rows, columns] (`separable`: rows vertical taps, then columns horizontal ones).
template <typename T>
class Plan2d {
 public:
  Plan2d(const Geometry2d& g, const float* kernel, bool separable, bool reverse)
      : separable_(separable),
        numbers_(separable ? 0 : g.vertical.taps),
        vertical_(g.vertical, separable ? kernel : row_numbers(), 1, separable ? reverse : false),
        horizontal_(g.horizontal, separable ? kernel + g.vertical.taps : row_order(g, kernel, reverse),
                    separable ? 1 : g.vertical.taps, reverse) {}

  Upfirdn2dPlan<T> plan(int64_t batch, int64_t channels) const {
    const Axis<T> vertical = vertical_.axis(), horizontal = horizontal_.axis();
    const int64_t bytes = batch * vertical.out * horizontal.out * channels * static_cast<int64_t>(sizeof(T));
    return {batch, channels, vertical, horizontal, separable_, bytes >= kStreamBytes};
  }

 private:
  // A joint kernel's rows are found by number, so the vertical "taps" are 0, 1, 2, ...
  const float* row_numbers() {
    for (size_t i = 0; i < numbers_.size(); ++i) numbers_[i] = static_cast<float>(i);
    return numbers_.data();
  }
  // With `reverse`, the rows of a joint kernel trade places as well.
  const float* row_order(const Geometry2d& g, const float* kernel, bool reverse) {
    const int64_t rows = g.vertical.taps, columns = g.horizontal.taps;
    rows_.assign(kernel, kernel + rows * columns);
    for (int64_t i = 0; reverse && i < rows; ++i) {
      std::copy(kernel + (rows - 1 - i) * columns, kernel + (rows - i) * columns, rows_.begin() + i * columns);
    }
    return rows_.data();
  }

  bool separable_;
  std::vector<float> numbers_, rows_;
  AxisPlan<T> vertical_, horizontal_;
};

}  // namespace gf
