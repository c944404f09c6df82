// C entry point of bias_act on the CPU.
#include "bias_act/geometry.h"
#include "bias_act/rows.h"
#include "common/parallel.h"

namespace gf {
namespace {

template <typename T>
int run(const gf_bias_act& op, const void* x, const void* bias, const void* first, const void* second, void* y,
        const gf_pool* pool) {
  return parallel_for(pool, op.rows, 1 + op.channels / 4, [&](int64_t begin, int64_t end) {
    GF_DISPATCH(bias_act_rows, op, static_cast<const T*>(x), static_cast<const T*>(bias), static_cast<const T*>(first),
                static_cast<const T*>(second), static_cast<T*>(y), begin, end);
  });
}

}  // namespace
}  // namespace gf

extern "C" int gf_bias_act_cpu(const gf_bias_act* op, int dtype, const void* x, const void* bias, const void* first,
                               const void* second, void* y, const gf_pool* pool, char* message) {
  const int code = gf::check_bias_act(op, message);
  if (code != GF_OK) return code;
  if (op->rows == 0 || op->channels == 0) return GF_OK;
  if (x == nullptr || y == nullptr || (op->order >= 1 && first == nullptr) || (op->order == 2 && second == nullptr)) {
    return gf::fail(GF_INVALID, message, "x, y or an input of the derivative is missing");
  }
  switch (dtype) {
    case GF_FLOAT32: return gf::run<float>(*op, x, bias, first, second, y, pool);
    case GF_FLOAT64: return gf::run<double>(*op, x, bias, first, second, y, pool);
    default: return gf::fail(GF_UNSUPPORTED, message, "the CPU kernel takes float32 and float64, not type %d", dtype);
  }
}
