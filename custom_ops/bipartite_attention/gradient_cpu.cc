// C entry point of the attention's gradient on the CPU.
#include <algorithm>
#include <vector>

#include "bipartite_attention/geometry.h"
#include "bipartite_attention/gradient.h"
#include "bipartite_attention/tokens.h"
#include "common/parallel.h"

namespace gf {
namespace {

// to[column * rows + row] = from[row * columns + column], rows of `to` being `stride` apart.
template <typename T>
void turn(const T* from, int64_t rows, int64_t columns, T* to, int64_t stride) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) to[column * stride + row] = from[row * columns + column];
  }
}

template <typename T>
int run(const gf_attention& op, const gf_attention_gradient_data& data, const gf_pool* pool) {
  const int64_t per_token = op.heads * op.components;
  const int64_t columns = (per_token + kColumnPadding - 1) / kColumnPadding * kColumnPadding;
  const int64_t width = op.integration == GF_BOTH ? op.channels_out / 2 : op.channels_out;
  std::vector<T> weight(op.weight_batch * per_token * op.channels);
  for (int64_t row = 0; row < op.weight_batch * op.heads; ++row) {
    const int64_t at = row * op.channels * op.components;
    turn(static_cast<const T*>(data.score_weight) + at, op.channels, op.components, weight.data() + at, op.channels);
  }
  std::vector<T> value_turned(op.value_batch * op.channels_out * columns, T(0));
  for (int64_t b = 0; b < op.value_batch; ++b) {
    turn(static_cast<const T*>(data.value) + b * per_token * op.channels_out, per_token, op.channels_out,
         value_turned.data() + b * op.channels_out * columns, columns);
  }
  const int64_t* scale = op.scale_shape;
  const int64_t scale_picture = scale[0] == 1 ? 0 : scale[1] * scale[2] * scale[3];
  const bool own_target = data.d_target != nullptr;
  const int64_t blocks = std::max<int64_t>(1, (op.tokens + kCentroidBlock - 1) / kCentroidBlock);
  // Sums of every block of tokens, added in a fixed order afterwards: the result does not depend on the threads.
  const int64_t sums = per_token * (op.channels + op.channels_out) + op.channels_out;
  std::vector<T> partial(op.batch * blocks * sums, T(0));
  const int64_t cost = 1 + std::min(op.tokens, kCentroidBlock) * per_token * (op.channels + op.channels_out) / 8;
  const int code = parallel_for(pool, op.batch * blocks, cost, [&](int64_t begin, int64_t end) {
    std::vector<T> scratch;
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t b = unit / blocks, from = (unit % blocks) * kCentroidBlock;
      const int64_t in = b * op.tokens * op.channels, out = b * op.tokens * width;
      const int64_t softmax = b * op.heads * op.tokens * op.components;
      AttentionGradientTokens<T> a = {};
      a.channels = op.channels;
      a.heads = op.heads;
      a.components = op.components;
      a.channels_out = op.channels_out;
      a.integration = op.integration;
      a.x = static_cast<const T*>(data.x) + in;
      a.weight = weight.data() + (op.weight_batch == 1 ? 0 : b) * per_token * op.channels;
      a.value = static_cast<const T*>(data.value) + (op.value_batch == 1 ? 0 : b) * per_token * op.channels_out;
      a.value_turned = value_turned.data() + (op.value_batch == 1 ? 0 : b) * op.channels_out * columns;
      a.columns = columns;
      a.output_bias = static_cast<const T*>(data.output_bias);
      if (data.probability_scale != nullptr) {
        a.scale = static_cast<const T*>(data.probability_scale) + b * scale_picture;
        a.scale_head = scale[1] == 1 ? 0 : scale[2] * scale[3];
        a.scale_token = scale[2] == 1 ? 0 : scale[3];
        a.scale_component = scale[3] == 1 ? 0 : 1;
      }
      a.target = data.target != nullptr ? static_cast<const T*>(data.target) + out : a.x;
      a.softmax_head = op.tokens * op.components;
      a.softmax = static_cast<const T*>(data.softmax) + softmax;
      a.d_output = static_cast<const T*>(data.d_output) + out;
      a.d_softmax = data.d_softmax != nullptr ? static_cast<const T*>(data.d_softmax) + softmax : nullptr;
      a.d_x = static_cast<T*>(data.d_x) + in;
      a.d_target = own_target ? static_cast<T*>(data.d_target) + out : nullptr;
      a.d_scores = static_cast<T*>(data.d_scores) + softmax;
      a.d_weight = partial.data() + unit * sums;
      a.d_value = a.d_weight + per_token * op.channels;
      a.d_output_bias = a.d_value + per_token * op.channels_out;
      scratch.resize(gradient_scratch(a, kTokenGroup));
      GF_DISPATCH(attention_gradient, a, from, std::min(from + kCentroidBlock, op.tokens), scratch.data());
    }
  });
  if (code != GF_OK) return code;
  T* d_bias = static_cast<T*>(data.d_output_bias);
  std::fill(d_bias, d_bias + op.channels_out, T(0));
  for (int64_t b = 0; b < op.batch; ++b) {
    T* first = partial.data() + b * blocks * sums;
    for (int64_t block = 1; block < blocks; ++block) {
      const T* other = first + block * sums;
      for (int64_t i = 0; i < sums; ++i) first[i] += other[i];
    }
    for (int64_t h = 0; h < op.heads; ++h) {
      const int64_t at = h * op.components * op.channels;
      turn(first + at, op.components, op.channels, static_cast<T*>(data.d_weight) + b * per_token * op.channels + at,
           op.components);
    }
    const T* d_value = first + per_token * op.channels;
    std::copy(d_value, d_value + per_token * op.channels_out,
              static_cast<T*>(data.d_value) + b * per_token * op.channels_out);
    for (int64_t c = 0; c < op.channels_out; ++c) d_bias[c] += d_value[per_token * op.channels_out + c];
  }
  return GF_OK;
}

}  // namespace
}  // namespace gf

extern "C" int gf_attention_gradient_cpu(const gf_attention* op, int dtype, const gf_attention_gradient_data* data,
                                         const gf_pool* pool, char* message) {
  int code = gf::check_attention(op, message);
  if (code != GF_OK) return code;
  code = gf::check_attention_gradient_data(op, data, message);
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
  return code == GF_OK ? code : gf::fail(code, message, "out of memory for the sums over tokens");
}
