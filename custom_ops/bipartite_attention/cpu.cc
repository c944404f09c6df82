// C entry points of the attention kernels on the CPU.
#include <algorithm>
#include <vector>

#include "bipartite_attention/geometry.h"
#include "bipartite_attention/tokens.h"
#include "common/parallel.h"

namespace gf {
namespace {

// Tokens per unit of work.
constexpr int64_t kTokenBlock = 64;
// Outputs from this size on are written past the caches.
constexpr int64_t kStreamBytes = int64_t{16} << 20;

template <typename T>
int run(const gf_attention& op, const gf_attention_data& data, const gf_pool* pool) {
  const int64_t per_token = op.heads * op.components;
  const int64_t columns = (per_token + kColumnPadding - 1) / kColumnPadding * kColumnPadding;
  const int64_t width = op.integration == GF_BOTH ? op.channels_out / 2 : op.channels_out;
  // The heads' weights side by side, so that one product serves them all.
  std::vector<T> packed(op.weight_batch * op.channels * columns, T(0));
  const T* weight = static_cast<const T*>(data.score_weight);
  for (int64_t b = 0; b < op.weight_batch; ++b) {
    for (int64_t h = 0; h < op.heads; ++h) {
      for (int64_t c = 0; c < op.channels; ++c) {
        const T* from = weight + ((b * op.heads + h) * op.channels + c) * op.components;
        std::copy(from, from + op.components, packed.data() + (b * op.channels + c) * columns + h * op.components);
      }
    }
  }
  const int64_t* scale = op.scale_shape;
  const int64_t scale_strides[4] = {scale[0] == 1 ? 0 : scale[1] * scale[2] * scale[3],
                                    scale[1] == 1 ? 0 : scale[2] * scale[3], scale[2] == 1 ? 0 : scale[3],
                                    scale[3] == 1 ? 0 : 1};
  const int64_t blocks = (op.tokens + kTokenBlock - 1) / kTokenBlock;
  const int64_t cost = 1 + kTokenBlock * (op.channels * columns + per_token * op.channels_out) / 16;
  return parallel_for(pool, op.batch * blocks, cost, [&](int64_t begin, int64_t end) {
    std::vector<T> scratch(kTokenGroup * columns);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t b = unit / blocks, from = (unit % blocks) * kTokenBlock;
      AttentionTokens<T> a = {};
      a.channels = op.channels;
      a.heads = op.heads;
      a.components = op.components;
      a.channels_out = op.channels_out;
      a.integration = op.integration;
      a.x = static_cast<const T*>(data.x) + b * op.tokens * op.channels;
      a.columns = columns;
      a.weight = packed.data() + (op.weight_batch == 1 ? 0 : b) * op.channels * columns;
      if (data.score_bias != nullptr) {
        a.bias_token = op.bias_tokens == 1 ? 0 : op.components;
        a.bias_head = op.bias_tokens * op.components;
        a.bias = static_cast<const T*>(data.score_bias) + (op.bias_batch == 1 ? 0 : b) * op.heads * a.bias_head;
      }
      a.value = static_cast<const T*>(data.value) + (op.value_batch == 1 ? 0 : b) * per_token * op.channels_out;
      a.output_bias = static_cast<const T*>(data.output_bias);
      if (data.probability_scale != nullptr) {
        a.scale = static_cast<const T*>(data.probability_scale) + b * scale_strides[0];
        a.scale_head = scale_strides[1];
        a.scale_token = scale_strides[2];
        a.scale_component = scale_strides[3];
      }
      a.target = static_cast<const T*>(data.target != nullptr ? data.target : data.x) + b * op.tokens * width;
      a.output = static_cast<T*>(data.output) + b * op.tokens * width;
      // What lies over the target is in the caches.
      a.streams = a.output != a.target && op.batch * op.tokens * width * int64_t{sizeof(T)} >= kStreamBytes;
      a.softmax_head = op.tokens * op.components;
      a.softmax = static_cast<T*>(data.softmax) + b * op.heads * a.softmax_head;
      GF_DISPATCH(attention_tokens, a, from, std::min(from + kTokenBlock, op.tokens), scratch.data());
    }
  });
}

template <typename T>
int run(const gf_centroids& op, const T* x, const T* probabilities, T* centroids, T* total, const gf_pool* pool) {
  const int64_t rows = op.heads * op.components, sums = rows * op.channels;
  const int64_t blocks = centroid_blocks(op);
  std::vector<T> partial(op.batch * blocks * (sums + rows));
  const int64_t cost = 1 + std::min(op.tokens, kCentroidBlock) * sums / 16;
  const int code = parallel_for(pool, op.batch * blocks, cost, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t b = unit / blocks, from = (unit % blocks) * kCentroidBlock;
      CentroidTokens<T> c = {};
      c.channels = op.channels;
      c.heads = op.heads;
      c.components = op.components;
      c.x = x + b * op.tokens * op.channels;
      c.head = op.tokens * op.components;
      c.probabilities = probabilities + b * op.heads * c.head;
      c.sums = partial.data() + unit * (sums + rows);
      c.totals = c.sums + sums;
      GF_DISPATCH(centroid_tokens, c, from, std::min(from + kCentroidBlock, op.tokens));
    }
  });
  if (code != GF_OK) return code;
  for (int64_t b = 0; b < op.batch; ++b) {
    T* first = partial.data() + b * blocks * (sums + rows);
    for (int64_t block = 1; block < blocks; ++block) {
      const T* other = first + block * (sums + rows);
      for (int64_t i = 0; i < sums + rows; ++i) first[i] += other[i];
    }
    for (int64_t row = 0; row < rows; ++row) {
      total[b * rows + row] = first[sums + row];
      const T inverse = 1 / (first[sums + row] + static_cast<T>(op.epsilon));
      for (int64_t c = 0; c < op.channels; ++c) {
        centroids[(b * rows + row) * op.channels + c] = first[row * op.channels + c] * inverse;
      }
    }
  }
  return GF_OK;
}

}  // namespace
}  // namespace gf

extern "C" {

int gf_attention_cpu(const gf_attention* op, int dtype, const gf_attention_data* data, const gf_pool* pool,
                     char* message) {
  int code = gf::check_attention(op, message);
  if (code != GF_OK) return code;
  if (op->batch == 0 || op->tokens == 0) return GF_OK;
  code = gf::check_attention_data(op, data, message);
  if (code != GF_OK) return code;
  try {
    switch (dtype) {
      case GF_FLOAT32: code = gf::run<float>(*op, *data, pool); break;
      case GF_FLOAT64: code = gf::run<double>(*op, *data, pool); break;
      default: return gf::fail(GF_UNSUPPORTED, message, "the CPU kernel takes float32 and float64, not type %d", dtype);
    }
  } catch (const std::bad_alloc&) {
    code = GF_OUT_OF_MEMORY;
  }
  return code == GF_OK ? code : gf::fail(code, message, "out of memory for the scores");
}

int64_t gf_centroids_workspace(const gf_centroids* op) {
  if (gf::check_centroids(op, nullptr) != GF_OK) return -1;
  return gf::product(op->batch, gf::centroid_blocks(*op), op->heads * op->components, op->channels + 1);
}

int gf_centroids_cpu(const gf_centroids* op, int dtype, const void* x, const void* probabilities, void* centroids,
                     void* total, const gf_pool* pool, char* message) {
  int code = gf::check_centroids(op, message);
  if (code != GF_OK) return code;
  if (op->batch == 0) return GF_OK;
  if (centroids == nullptr || total == nullptr || (op->tokens > 0 && (x == nullptr || probabilities == nullptr))) {
    return gf::fail(GF_INVALID, message, "x, probabilities or an output is missing");
  }
  try {
    switch (dtype) {
      case GF_FLOAT32:
        code = gf::run(*op, static_cast<const float*>(x), static_cast<const float*>(probabilities),
                       static_cast<float*>(centroids), static_cast<float*>(total), pool);
        break;
      case GF_FLOAT64:
        code = gf::run(*op, static_cast<const double*>(x), static_cast<const double*>(probabilities),
                       static_cast<double*>(centroids), static_cast<double*>(total), pool);
        break;
      default: return gf::fail(GF_UNSUPPORTED, message, "the CPU kernel takes float32 and float64, not type %d", dtype);
    }
  } catch (const std::bad_alloc&) {
    code = GF_OUT_OF_MEMORY;
  }
  return code == GF_OK ? code : gf::fail(code, message, "out of memory for the partial sums");
}

}  // extern "C"
