// C entry point of token_norm on the CPU.
#include "common/parallel.h"
#include "token_norm/geometry.h"
#include "token_norm/rows.h"

namespace gf {
namespace {

template <typename T>
int run(const gf_token_norm& op, const void* x, const void* first, void* y, const gf_pool* pool) {
  return parallel_for(pool, op.rows, 1 + op.channels / 2, [&](int64_t begin, int64_t end) {
    GF_DISPATCH(token_norm_rows, op, static_cast<const T*>(x), static_cast<const T*>(first), static_cast<T*>(y), begin,
                end);
  });
}

}  // namespace
}  // namespace gf

extern "C" int gf_token_norm_cpu(const gf_token_norm* op, int dtype, const void* x, const void* first, void* y,
                                 const gf_pool* pool, char* message) {
  const int code = gf::check_token_norm(op, message);
  if (code != GF_OK) return code;
  if (op->rows == 0 || op->channels == 0) return GF_OK;
  if (x == nullptr || y == nullptr || (op->order == 1 && first == nullptr)) {
    return gf::fail(GF_INVALID, message, "x, y or the gradient is missing");
  }
  switch (dtype) {
    case GF_FLOAT32: return gf::run<float>(*op, x, first, y, pool);
    case GF_FLOAT64: return gf::run<double>(*op, x, first, y, pool);
    default: return gf::fail(GF_UNSUPPORTED, message, "the CPU kernel takes float32 and float64, not type %d", dtype);
  }
}
