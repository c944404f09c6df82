// C entry points of the modulation's two ops on the CPU.
#include <algorithm>
#include <vector>

#include "common/parallel.h"
#include "modulation/geometry.h"
#include "modulation/rows.h"

namespace gf {
namespace {

// Rows per unit of work; also the length of a sum in the type of the picture, so part of the result.
constexpr int64_t kBlock = 256;

int64_t blocks_of(const gf_modulation& op) { return (op.rows + kBlock - 1) / kBlock; }

template <typename T>
int scale(const gf_modulation& op, const void* x, const void* scales, void* y, const gf_pool* pool) {
  const int64_t blocks = blocks_of(op), cost = 1 + std::min(op.rows, kBlock) * op.channels / 4;
  return parallel_for(pool, op.batch * blocks, cost, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t picture = unit / blocks, from = (unit % blocks) * kBlock, at = picture * op.rows * op.channels;
      GF_DISPATCH(scale_rows, static_cast<const T*>(x) + at, static_cast<const T*>(scales) + picture * op.channels,
                  static_cast<T*>(y) + at, from, std::min(from + kBlock, op.rows), op.channels);
    }
  });
}

template <typename T>
int dot(const gf_modulation& op, const void* x, const void* y, void* sums, const gf_pool* pool) {
  const int64_t blocks = blocks_of(op), cost = 1 + std::min(op.rows, kBlock) * op.channels / 4;
  // Sums of every block, added in a fixed order afterwards: the result does not depend on the threads.
  std::vector<T> partial(op.batch * blocks * op.channels, T(0));
  const int code = parallel_for(pool, op.batch * blocks, cost, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t picture = unit / blocks, from = (unit % blocks) * kBlock, at = picture * op.rows * op.channels;
      GF_DISPATCH(dot_rows, static_cast<const T*>(x) + at, static_cast<const T*>(y) + at,
                  partial.data() + unit * op.channels, from, std::min(from + kBlock, op.rows), op.channels);
    }
  });
  if (code != GF_OK) return code;
  T* to = static_cast<T*>(sums);
  std::fill(to, to + op.batch * op.channels, T(0));
  for (int64_t unit = 0; unit < op.batch * blocks; ++unit) {
    T* row = to + unit / blocks * op.channels;
    for (int64_t c = 0; c < op.channels; ++c) row[c] += partial[unit * op.channels + c];
  }
  return GF_OK;
}

template <typename Float, typename Double>
int by_type(const gf_modulation* op, int dtype, const void* x, const void* y, const void* z, char* message,
            const Float& in_float, const Double& in_double) {
  int code = check_modulation(op, message);
  if (code != GF_OK) return code;
  if (op->batch == 0 || op->channels == 0) return GF_OK;
  if (z == nullptr || (op->rows > 0 && (x == nullptr || y == nullptr))) {
    return fail(GF_INVALID, message, "an input or the output is missing");
  }
  try {
    switch (dtype) {
      case GF_FLOAT32: code = in_float(); break;
      case GF_FLOAT64: code = in_double(); break;
      default: return fail(GF_UNSUPPORTED, message, "the CPU kernel takes float32 and float64, not type %d", dtype);
    }
  } catch (const std::bad_alloc&) {
    code = GF_OUT_OF_MEMORY;
  }
  return code == GF_OK ? code : fail(code, message, "out of memory for the sums of the channels");
}

}  // namespace
}  // namespace gf

extern "C" {

int gf_scale_channels_cpu(const gf_modulation* op, int dtype, const void* x, const void* scales, void* y,
                          const gf_pool* pool, char* message) {
  return gf::by_type(
      op, dtype, x, y, scales, message, [&] { return gf::scale<float>(*op, x, scales, y, pool); },
      [&] { return gf::scale<double>(*op, x, scales, y, pool); });
}

int gf_channel_dot_cpu(const gf_modulation* op, int dtype, const void* x, const void* y, void* sums,
                       const gf_pool* pool, char* message) {
  return gf::by_type(
      op, dtype, x, y, sums, message, [&] { return gf::dot<float>(*op, x, y, sums, pool); },
      [&] { return gf::dot<double>(*op, x, y, sums, pool); });
}

}  // extern "C"
