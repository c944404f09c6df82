// C entry points of upfirdn2d on the CPU.
#include <vector>

#include "common/parallel.h"
#include "upfirdn2d/geometry.h"
#include "upfirdn2d/rows.h"

namespace gf {
namespace {

template <typename T>
int run(const gf_upfirdn2d& op, const Geometry2d& geometry, const void* x, void* y, const gf_pool* pool) {
  const Plan2d<T> plans(geometry, op.kernel, op.separable != 0, false);
  const Upfirdn2dPlan<T> plan = plans.plan(op.batch, op.channels);
  const int64_t row_in = op.width * op.channels, row_out = plan.horizontal.out * op.channels;
  // About one multiply-add of a vector per nanosecond and thread.
  const int64_t cost = 1 + (row_in + row_out * (op.separable ? 1 : op.taps[0])) / 4;
  return parallel_for(pool, op.batch * plan.vertical.out, cost, [&](int64_t begin, int64_t end) {
    std::vector<T> scratch(op.separable ? row_in : 0);
    GF_DISPATCH(upfirdn2d_rows, plan, static_cast<const T*>(x), static_cast<T*>(y), begin, end, scratch.data());
  });
}

}  // namespace
}  // namespace gf

extern "C" {

int gf_upfirdn2d_size(const gf_upfirdn2d* op, int64_t size[2], char* message) {
  gf::Geometry2d geometry;
  const int code = gf::check_upfirdn2d(op, &geometry, message);
  if (code == GF_OK) {
    size[0] = geometry.vertical.out();
    size[1] = geometry.horizontal.out();
  }
  return code;
}

int gf_upfirdn2d_cpu(const gf_upfirdn2d* op, int dtype, const void* x, void* y, const gf_pool* pool, char* message) {
  gf::Geometry2d geometry;
  int code = gf::check_upfirdn2d(op, &geometry, message);
  if (code != GF_OK) return code;
  if (op->batch == 0 || op->channels == 0) return GF_OK;
  if (x == nullptr || y == nullptr) return gf::fail(GF_INVALID, message, "x or y is missing");
  try {
    switch (dtype) {
      case GF_FLOAT32: code = gf::run<float>(*op, geometry, x, y, pool); break;
      case GF_FLOAT64: code = gf::run<double>(*op, geometry, x, y, pool); break;
      default: return gf::fail(GF_UNSUPPORTED, message, "the CPU kernel takes float32 and float64, not type %d", dtype);
    }
  } catch (const std::bad_alloc&) {
    code = GF_OUT_OF_MEMORY;
  }
  return code == GF_OK ? code : gf::fail(code, message, "out of memory for the rows of the filter");
}

}  // extern "C"
