// Checked geometry of filtered_lrelu and of its derivatives.
#pragma once

#include <memory>

#include "upfirdn2d/geometry.h"

namespace gf {

struct FilteredLreluGeometry {
  Geometry2d up, down;  // x -> fine grid -> y
};

inline int check_filtered_lrelu(const gf_filtered_lrelu* op, FilteredLreluGeometry* geometry, char* message) {
  if (op == nullptr) return fail(GF_INVALID, message, "the arguments are missing");
  if (op->up.down[0] != 1 || op->up.down[1] != 1) {
    return fail(GF_INVALID, message, "the first filter must not decimate");
  }
  int code = check_upfirdn2d(&op->up, &geometry->up, message);
  if (code != GF_OK) return code;
  // The second filter sees the fine grid without padding.
  gf_upfirdn2d second = op->up;
  second.height = geometry->up.vertical.out();
  second.width = geometry->up.horizontal.out();
  for (int i = 0; i < 2; ++i) {
    second.up[i] = 1;
    second.down[i] = op->down[i];
    second.taps[i] = op->taps[i];
  }
  for (int64_t& pad : second.padding) pad = 0;
  second.separable = op->separable;
  second.kernel = op->kernel;
  code = check_upfirdn2d(&second, &geometry->down, message);
  if (code != GF_OK) return code;
  if (!between(op->mode, 0, 2)) return fail(GF_INVALID, message, "mode is %d; it must be 0, 1 or 2", op->mode);
  if (!std::isfinite(op->slope) || !std::isfinite(op->gain) || !std::isfinite(op->clamp)) {
    return fail(GF_INVALID, message, "slope, gain and clamp must be finite numbers");
  }
  return GF_OK;
}

inline Geometry2d transposed(const Geometry2d& g) { return {g.vertical.transposed(), g.horizontal.transposed()}; }

}  // namespace gf
