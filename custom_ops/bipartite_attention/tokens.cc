// Bipartite attention on the CPU: a group of tokens goes from scores to the integrated output without leaving the
// first-level cache.
#include "bipartite_attention/tokens.h"

#include <cmath>

#include "bipartite_attention/product.h"
#include "common/simd.h"
#include "gansformer_ops.h"

namespace gf {
namespace GF_ISA {
namespace {

// exp(x) for x <= 0 in float32: 2^n * p(r) with r = x - n ln 2, error below 2 ulp. NaN stays NaN, for 2^n is a factor.
inline Vector<float>::Type exp_vector(Vector<float>::Type x) {
  using F = Vector<float>::Type;
  typedef int32_t I __attribute__((vector_size(GF_VECTOR_BYTES)));
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const F bounded = x < -87.0f ? F{} - 87.0f : x;
  const F shifted = bounded * 1.44269504088896341f + magic;
  const F n = shifted - magic;
  F r = bounded - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  F p = F{} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const F power = (F)(((I)shifted - (0x4B400000 - 127)) << 23);
  return x < -87.0f ? F{} : p * power;  // far below, the exact result
}

inline void exp_row(float* row, int64_t columns) {
  for (int64_t c = 0; c < columns; c += Vector<float>::kSize) {
    Vector<float>::store(row + c, exp_vector(Vector<float>::load(row + c)));
  }
}
inline void exp_row(double* row, int64_t columns) {
  for (int64_t c = 0; c < columns; ++c) row[c] = std::exp(row[c]);
}

// Largest of a row and NaN if there is one.
template <typename T>
inline T largest(const T* row, int64_t count) {
  T best = row[0];
  for (int64_t j = 1; j < count; ++j) best = row[j] > best || row[j] != row[j] ? row[j] : best;
  return best;
}

// Lane i gets lane i ^ kDistance.
template <int kDistance>
inline Vector<float>::Type exchange(Vector<float>::Type v) {
#if defined(__GNUC__) && !defined(__clang__)
  typedef int32_t I __attribute__((vector_size(GF_VECTOR_BYTES)));
  I lanes;
  for (int i = 0; i < Vector<float>::kSize; ++i) lanes[i] = i ^ kDistance;
  return __builtin_shuffle(v, lanes);
#else
  Vector<float>::Type result;
  for (int i = 0; i < Vector<float>::kSize; ++i) result[i] = v[i ^ kDistance];
  return result;
#endif
}

// Every lane gets the combination of its aligned group of kGroup lanes.
template <int kGroup, typename Combine>
inline Vector<float>::Type over_lanes(Vector<float>::Type v, Combine combine) {
  if constexpr (kGroup > 1) {
    v = combine(v, exchange<kGroup / 2>(v));
    return over_lanes<kGroup / 2>(v, combine);
  }
  return v;
}

// Softmax of `count` scores where every head fills an aligned group of kComponents lanes: reductions by exchanging
// lanes. The largest value may miss a NaN; the total does not.
template <int kComponents>
inline void softmax_lanes(float* scores, int64_t count) {
  using V = Vector<float>;
  for (int64_t c = 0; c < count; c += V::kSize) {
    const V::Type here = V::load(scores + c);
    const V::Type best = over_lanes<kComponents>(here, [](auto a, auto b) { return a > b ? a : b; });
    const V::Type power = exp_vector(here - best);
    const V::Type total = over_lanes<kComponents>(power, [](auto a, auto b) { return a + b; });
    if constexpr (kComponents == V::kSize) {
      V::store(scores + c, power * (1.0f / total[0]));  // one division in place of one per lane
    } else {
      V::store(scores + c, power / total);
    }
  }
}

// Whether softmax_lanes has done it.
inline bool softmax_in_lanes(float* scores, int64_t count, int64_t components) {
  switch (components) {
    case 1: return softmax_lanes<1>(scores, count), true;
    case 2: return softmax_lanes<2>(scores, count), true;
    case 4: return softmax_lanes<4>(scores, count), true;
#if GF_VECTOR_BYTES >= 32
    case 8: return softmax_lanes<8>(scores, count), true;
#endif
#if GF_VECTOR_BYTES >= 64
    case 16: return softmax_lanes<16>(scores, count), true;
#endif
    default: return false;
  }
}
inline bool softmax_in_lanes(double*, int64_t, int64_t) { return false; }

// Softmax of every head of every row.
template <typename T>
inline void softmax_rows(T* scores, int64_t rows, int64_t heads, int64_t components, int64_t columns) {
  if (softmax_in_lanes(scores, rows * columns, components)) return;
  for (T* row = scores; row < scores + rows * columns; row += columns) {
    for (int64_t h = 0; h < heads; ++h) {
      T* of_head = row + h * components;
      const T best = largest(of_head, components);
      for (int64_t j = 0; j < components; ++j) of_head[j] -= best;
    }
    exp_row(row, columns);
    for (int64_t h = 0; h < heads; ++h) {
      T* of_head = row + h * components;
      T total = 0;
      for (int64_t j = 0; j < components; ++j) total += of_head[j];
      const T inverse = 1 / total;
      for (int64_t j = 0; j < components; ++j) of_head[j] *= inverse;
    }
  }
}

// Asks for rows that are read next. The processor does not foresee them: a group reads all its rows side by side.
template <typename T>
inline void prefetch(const T* rows, int64_t count) {
  const char* at = reinterpret_cast<const char*>(rows);
  for (int64_t byte = 0; byte < count * static_cast<int64_t>(sizeof(T)); byte += 64) __builtin_prefetch(at + byte);
}

template <bool kStreams, typename T>
inline void put(T* to, typename Vector<T>::Type value) {
  if constexpr (kStreams) {
    Vector<T>::stream(to, value);
  } else {
    Vector<T>::store(to, value);
  }
}

// One number or vector of the output; `shift` is the second half of the control for GF_BOTH.
template <int kIntegration, typename T, typename Value>
inline Value integrated(Value control, Value shift, const Value& target) {
  if constexpr (kIntegration == GF_ADD) return target + control;
  if constexpr (kIntegration == GF_MUL) return target * (control + T(1));
  if constexpr (kIntegration == GF_BOTH) return target * (control + T(1)) + shift;
  return control;
}

// From the probabilities of kRows tokens to their output: the control never leaves the registers.
template <int kIntegration, bool kStreams, int kRows, typename T>
inline void outputs(const AttentionTokens<T>& a, int64_t token, const T* probabilities) {
  using V = Vector<T>;
  constexpr bool kBoth = kIntegration == GF_BOTH;
  const int64_t per_token = a.heads * a.components, width = kBoth ? a.channels_out / 2 : a.channels_out;
  T* output = a.output + token * width;
  const T* target = kIntegration == GF_CONTROL ? output : a.target + token * width;
  const auto start = [&](int, int64_t c) {
    return a.output_bias != nullptr ? V::load(a.output_bias + c) : V::fill(0);
  };
  const auto finish = [&](int64_t at, auto control, auto shift) {
    put<kStreams>(output + at, integrated<kIntegration, T>(control, shift, V::load(target + at)));
  };
  int64_t c = 0;
  if constexpr (kBoth) {
    for (; c + V::kSize <= width; c += V::kSize) {  // gain and shift of the same channels
      product_rows<kRows, 2>(probabilities, a.columns, a.value, per_token, a.channels_out, c, width, start,
                             [&](int r, const auto& sums) { finish(r * width + c, sums[0], sums[1]); });
    }
  } else {
    for (; c + 2 * V::kSize <= width; c += 2 * V::kSize) {
      product_rows<kRows, 2>(probabilities, a.columns, a.value, per_token, a.channels_out, c, V::kSize, start,
                             [&](int r, const auto& sums) {
                               finish(r * width + c, sums[0], sums[0]);
                               finish(r * width + c + V::kSize, sums[1], sums[1]);
                             });
    }
    for (; c + V::kSize <= width; c += V::kSize) {
      product_rows<kRows, 1>(probabilities, a.columns, a.value, per_token, a.channels_out, c, V::kSize, start,
                             [&](int r, const auto& sums) { finish(r * width + c, sums[0], sums[0]); });
    }
  }
  for (; c < width; ++c) {
    for (int r = 0; r < kRows; ++r) {
      T control[2] = {};
      for (int half = 0; half < (kBoth ? 2 : 1); ++half) {
        const int64_t column = c + half * width;
        control[half] = a.output_bias != nullptr ? a.output_bias[column] : T(0);
        for (int64_t q = 0; q < per_token; ++q) {
          control[half] += probabilities[r * a.columns + q] * a.value[q * a.channels_out + column];
        }
      }
      output[r * width + c] = integrated<kIntegration, T>(control[0], control[1], target[r * width + c]);
    }
  }
}

// Whether `count` elements from `at` on are whole vectors, aligned as streaming asks.
template <typename T>
inline bool whole_vectors(const T* at, int64_t count) {
  return (count * sizeof(T)) % GF_VECTOR_BYTES == 0 && reinterpret_cast<uintptr_t>(at) % GF_VECTOR_BYTES == 0;
}

template <int kIntegration, bool kStreams, int kRows, typename T>
inline void group(const AttentionTokens<T>& a, int64_t token, T* scores) {
  using V = Vector<T>;
  const int64_t columns = a.columns;
  // A bias that lies as the scores do is where their sums start.
  const bool in_line = a.bias != nullptr && a.heads == 1 && a.components == columns;
  product<kRows>(scores, a.x + token * a.channels, a.channels, a.weight, a.channels, columns,
                 in_line ? a.bias + token * a.bias_token : nullptr, a.bias_token);
  if (a.bias != nullptr && !in_line) {
    for (int r = 0; r < kRows; ++r) {
      for (int64_t h = 0; h < a.heads; ++h) {
        const T* bias = a.bias + h * a.bias_head + (token + r) * a.bias_token;
        for (int64_t j = 0; j < a.components; ++j) scores[r * columns + h * a.components + j] += bias[j];
      }
    }
  }
  softmax_rows(scores, kRows, a.heads, a.components, columns);
  for (int r = 0; r < kRows; ++r) {
    T* row = scores + r * columns;
    for (int64_t h = 0; h < a.heads; ++h) {
      T* to = a.softmax + h * a.softmax_head + (token + r) * a.components;
      if (kStreams && whole_vectors(to, a.components)) {
        for (int64_t j = 0; j < a.components; j += V::kSize) V::stream(to + j, V::load(row + h * a.components + j));
      } else {
        for (int64_t j = 0; j < a.components; ++j) to[j] = row[h * a.components + j];
      }
      if (a.scale == nullptr) continue;
      const T* scale = a.scale + h * a.scale_head + (token + r) * a.scale_token;
      for (int64_t j = 0; j < a.components; ++j) row[h * a.components + j] *= scale[j * a.scale_component];
    }
  }
  outputs<kIntegration, kStreams, kRows>(a, token, scores);
}

template <int kIntegration, bool kStreams, typename T>
void tokens_as(const AttentionTokens<T>& a, int64_t begin, int64_t end, T* scratch) {
  int64_t token = begin;
  for (; token + kTokenGroup <= end; token += kTokenGroup) {
    const int64_t next = token + kTokenGroup;
    prefetch(a.x + next * a.channels, (next + kTokenGroup <= end ? kTokenGroup : end - next) * a.channels);
    group<kIntegration, kStreams, kTokenGroup>(a, token, scratch);
  }
  for (; token < end; ++token) group<kIntegration, false, 1>(a, token, scratch);
  if constexpr (kStreams) stream_fence();
}

template <bool kStreams, typename T>
void tokens_of(const AttentionTokens<T>& a, int64_t begin, int64_t end, T* scratch) {
  switch (a.integration) {
    case GF_ADD: return tokens_as<GF_ADD, kStreams>(a, begin, end, scratch);
    case GF_MUL: return tokens_as<GF_MUL, kStreams>(a, begin, end, scratch);
    case GF_BOTH: return tokens_as<GF_BOTH, kStreams>(a, begin, end, scratch);
    default: return tokens_as<GF_CONTROL, kStreams>(a, begin, end, scratch);
  }
}

template <typename T>
void tokens(const AttentionTokens<T>& a, int64_t begin, int64_t end, T* scratch) {
  const int64_t width = a.integration == GF_BOTH ? a.channels_out / 2 : a.channels_out;
  if (a.streams && whole_vectors(a.output, width)) return tokens_of<true>(a, begin, end, scratch);
  return tokens_of<false>(a, begin, end, scratch);
}

// sums[c] += the sum over `count` rows.
template <typename T>
inline void add_rows(T* sums, const T* rows, int64_t count, int64_t width) {
  using V = Vector<T>;
  int64_t c = 0;
  for (; c + V::kSize <= width; c += V::kSize) {
    typename V::Type sum = V::load(sums + c);
    for (int64_t i = 0; i < count; ++i) sum += V::load(rows + i * width + c);
    V::store(sums + c, sum);
  }
  for (; c < width; ++c) {
    for (int64_t i = 0; i < count; ++i) sums[c] += rows[i * width + c];
  }
}

template <typename T>
void gather_tokens(const CentroidTokens<T>& a, int64_t begin, int64_t end) {
  const int64_t rows = a.heads * a.components;
  std::memset(a.sums, 0, rows * a.channels * sizeof(T));
  std::memset(a.totals, 0, rows * sizeof(T));
  // Stretches whose tokens stay in the first-level cache while all components pass over them.
  const int64_t stretch = 64;
  for (int64_t from = begin; from < end; from += stretch) {
    const int64_t to = from + stretch < end ? from + stretch : end;
    prefetch(a.x + to * a.channels, (to + stretch < end ? stretch : end - to) * a.channels);
    for (int64_t h = 0; h < a.heads; ++h) {
      const T* probabilities = a.probabilities + h * a.head;
      T* sums = a.sums + h * a.components * a.channels;
      T* totals = a.totals + h * a.components;
      add_rows(totals, probabilities + from * a.components, to - from, a.components);
      gather(sums, probabilities + from * a.components, a.components, a.components, a.x + from * a.channels, to - from,
             a.channels);
    }
  }
}

}  // namespace

void attention_tokens(const AttentionTokens<float>& a, int64_t begin, int64_t end, float* scratch) {
  tokens(a, begin, end, scratch);
}
void attention_tokens(const AttentionTokens<double>& a, int64_t begin, int64_t end, double* scratch) {
  tokens(a, begin, end, scratch);
}
void centroid_tokens(const CentroidTokens<float>& c, int64_t begin, int64_t end) { gather_tokens(c, begin, end); }
void centroid_tokens(const CentroidTokens<double>& c, int64_t begin, int64_t end) { gather_tokens(c, begin, end); }

}  // namespace GF_ISA
}  // namespace gf
