// C entry points of filtered_lrelu on the CPU.
#include <algorithm>
#include <memory>
#include <vector>

#include "common/parallel.h"
#include "filtered_lrelu/geometry.h"
#include "filtered_lrelu/rows.h"

namespace gf {
namespace {

// Every unit of work makes the fine rows above its first output again, so units are not made smaller than this.
constexpr int64_t kLeastBlock = 32;

template <typename T>
int run(const gf_filtered_lrelu& op, const FilteredLreluGeometry& geometry, const void* x, const void* bias,
        const void* other, void* y, const gf_pool* pool) {
  const bool up_separable = op.up.separable != 0, down_separable = op.separable != 0;
  const int64_t batch = op.up.batch, channels = op.up.channels;
  const Plan2d<T> up(geometry.up, op.up.kernel, up_separable, false);
  const Plan2d<T> down(geometry.down, op.kernel, down_separable, false);
  std::unique_ptr<Plan2d<T>> from_y, to_x;
  FilteredLreluPlan<T> plan = {};
  plan.batch = batch;
  plan.channels = channels;
  plan.gate = up.plan(batch, channels);
  plan.other = plan.gate;
  plan.last = down.plan(batch, channels);
  if (op.mode == 2) {
    from_y.reset(new Plan2d<T>(transposed(geometry.down), op.kernel, down_separable, true));
    to_x.reset(new Plan2d<T>(transposed(geometry.up), op.up.kernel, up_separable, true));
    plan.other = from_y->plan(batch, channels);
    plan.last = to_x->plan(batch, channels);
  }
  plan.bias = static_cast<const T*>(bias);
  plan.mode = op.mode;
  plan.slope = static_cast<T>(op.slope);
  plan.gain = static_cast<T>(op.gain);
  plan.clamp = static_cast<T>(op.clamp);

  const int64_t height = plan.last.vertical.out, fine_row = plan.last.horizontal.in * channels;
  int64_t most = 1;
  for (int64_t m = 0; m < height; ++m) most = std::max<int64_t>(most, plan.last.vertical.steps[m].count);
  plan.ring = most;
  const int64_t ring_row = plan.last.separable ? plan.last.horizontal.out * channels : fine_row;
  const int64_t row_in = std::max(plan.gate.horizontal.in, plan.other.horizontal.in) * channels;
  plan.scratch = row_in + plan.gate.horizontal.in * channels + fine_row + ring_row * plan.ring + fine_row;
  plan.block = std::min(height, std::max<int64_t>(kLeastBlock, height / std::max<int64_t>(1, 8 / std::max<int64_t>(batch, 1))));
  const int64_t units = batch * ((height + plan.block - 1) / plan.block);
  const int64_t cost = std::max<int64_t>(1, fine_row * plan.block * plan.last.vertical.in / std::max<int64_t>(height, 1));
  return parallel_for(pool, units, cost, [&](int64_t begin, int64_t end) {
    std::vector<T> scratch(plan.scratch);
    GF_DISPATCH(filtered_lrelu_blocks, plan, static_cast<const T*>(x), static_cast<const T*>(other),
                static_cast<T*>(y), begin, end, scratch.data());
  });
}

}  // namespace
}  // namespace gf

extern "C" {

int gf_filtered_lrelu_size(const gf_filtered_lrelu* op, int64_t size[2], char* message) {
  gf::FilteredLreluGeometry geometry;
  const int code = gf::check_filtered_lrelu(op, &geometry, message);
  if (code == GF_OK) {
    size[0] = geometry.down.vertical.out();
    size[1] = geometry.down.horizontal.out();
  }
  return code;
}

int gf_filtered_lrelu_cpu(const gf_filtered_lrelu* op, int dtype, const void* x, const void* bias, const void* other,
                          void* y, const gf_pool* pool, char* message) {
  gf::FilteredLreluGeometry geometry;
  int code = gf::check_filtered_lrelu(op, &geometry, message);
  if (code != GF_OK) return code;
  if (op->up.batch == 0 || op->up.channels == 0) return GF_OK;
  if (x == nullptr || y == nullptr || (op->mode != 0 && other == nullptr)) {
    return gf::fail(GF_INVALID, message, "x, y or the second input is missing");
  }
  try {
    switch (dtype) {
      case GF_FLOAT32: code = gf::run<float>(*op, geometry, x, bias, other, y, pool); break;
      case GF_FLOAT64: code = gf::run<double>(*op, geometry, x, bias, other, y, pool); break;
      default: return gf::fail(GF_UNSUPPORTED, message, "the CPU kernel takes float32 and float64, not type %d", dtype);
    }
  } catch (const std::bad_alloc&) {
    code = GF_OUT_OF_MEMORY;
  }
  return code == GF_OK ? code : gf::fail(code, message, "out of memory for the rows of the filters");
}

}  // extern "C"
