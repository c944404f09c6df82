// Builds the plan of one axis (baseline code only, see common/isa.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "upfirdn2d/plan.h"

namespace gf {

struct AxisGeometry {
  int64_t in, up, down, before, after, taps;
  int64_t padded() const { return in * up + before + after; }
  int64_t out() const { return (padded() - taps) / down + 1; }
  // The transposed map, from outputs back to inputs; its taps are reversed.
  AxisGeometry transposed() const {
    AxisGeometry t;
    t.in = out();
    t.up = down;
    t.down = up;
    t.taps = taps;
    t.before = taps - 1 - before;
    t.after = (in - 1) * up + 1 + taps - 1 - t.before - t.in * t.up;
    return t;
  }
};

template <typename T>
class AxisPlan {
 public:
  // `kernel` holds `rows` sets of geometry.taps taps, applied as a correlation; `reverse` turns them around.
  AxisPlan(const AxisGeometry& g, const float* kernel, int64_t rows, bool reverse) : geometry_(g) {
    // Taps in the order j0, j0 + up, j0 + 2 up, ... for j0 = 0 ... up - 1.
    std::vector<int64_t> start(g.up + 1, 0);
    for (int64_t phase = 0; phase < g.up; ++phase) {
      start[phase + 1] = start[phase] + (phase < g.taps ? (g.taps - phase + g.up - 1) / g.up : 0);
    }
    taps_.resize(rows * g.taps);
    for (int64_t row = 0; row < rows; ++row) {
      const float* from = kernel + row * g.taps;
      for (int64_t j = 0; j < g.taps; ++j) {
        taps_[row * g.taps + start[j % g.up] + j / g.up] = static_cast<T>(from[reverse ? g.taps - 1 - j : j]);
      }
    }
    steps_.resize(g.out());
    for (int64_t m = 0; m < g.out(); ++m) {
      const int64_t base = m * g.down - g.before;
      const int64_t phase = ((-base) % g.up + g.up) % g.up;
      const int64_t first = (base + phase) / g.up;  // exact
      const int64_t count = start[phase + 1 <= g.up ? phase + 1 : g.up] - start[phase];
      const int64_t low = std::min(count, std::max<int64_t>(0, -first));
      const int64_t high = std::max(low, std::min(count, g.in - first));
      steps_[m] = Step{static_cast<int32_t>(start[phase] + low), static_cast<int32_t>(high - low), first + low};
    }
  }

  Axis<T> axis() const { return {geometry_.in, geometry_.out(), steps_.data(), taps_.data(), geometry_.taps}; }
  const AxisGeometry& geometry() const { return geometry_; }

 private:
  AxisGeometry geometry_;
  std::vector<Step> steps_;
  std::vector<T> taps_;
};

}  // namespace gf
