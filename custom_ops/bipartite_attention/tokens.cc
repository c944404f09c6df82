// Bipartite attention on the CPU: a group of tokens goes from scores to the integrated output without leaving the
// first-level cache.
#include "bipartite_attention/tokens.h"

#include <cmath>

#include "bipartite_attention/product.h"
#include "common/simd.h"

namespace gf {
namespace GF_ISA {
namespace {

// exp(x) for x <= 0 in float32: 2^n * p(r) with r = x - n ln 2, error below 2 ulp.
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
  const I exponent = ((I)shifted - 0x4B400000) << 23;
  const F result = (F)((I)p + exponent);
  // Far below, the exact result; and NaN stays NaN.
  return x < -87.0f ? F{} : (x == x ? result : x);
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

// Lane i gets lane i ^ distance.
template <typename T>
inline typename Vector<T>::Type exchange(typename Vector<T>::Type v, int distance) {
  typename Vector<T>::Type result;
  for (int i = 0; i < Vector<T>::kSize; ++i) result[i] = v[i ^ distance];
  return result;
}
#if defined(__GNUC__) && !defined(__clang__)
template <>
inline Vector<float>::Type exchange<float>(Vector<float>::Type v, int distance) {
  typedef int32_t I __attribute__((vector_size(GF_VECTOR_BYTES)));
  I lanes;
  for (int i = 0; i < Vector<float>::kSize; ++i) lanes[i] = i;
  return __builtin_shuffle(v, lanes ^ distance);
}
#endif

// Softmax of every head where heads fill aligned groups of `components` lanes: reductions by exchanging lanes.
inline void softmax_lanes(float* row, int64_t columns, int components) {
  using V = Vector<float>;
  for (int64_t c = 0; c < columns; c += V::kSize) {
    V::Type scores = V::load(row + c), best = scores;
    for (int distance = 1; distance < components; distance *= 2) {
      const V::Type other = exchange<float>(best, distance);
      best = (other > best) | (other != other) ? other : best;
    }
    const V::Type power = exp_vector(scores - best);
    V::Type total = power;
    for (int distance = 1; distance < components; distance *= 2) total += exchange<float>(total, distance);
    V::store(row + c, power / total);
  }
}
inline void softmax_lanes(double*, int64_t, int) {}

template <typename T>
inline bool fits_lanes(int64_t components) {
  return sizeof(T) == sizeof(float) && (components & (components - 1)) == 0 && components <= Vector<T>::kSize;
}

template <typename T>
inline void softmax_row(T* row, int64_t heads, int64_t components, int64_t columns) {
  if (fits_lanes<T>(components)) return softmax_lanes(row, columns, static_cast<int>(components));
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

template <typename T>
inline void put(T* to, typename Vector<T>::Type value, bool streams) {
  if (streams) {
    Vector<T>::stream(to, value);
  } else {
    Vector<T>::store(to, value);
  }
}

// output = integration of `control` into `target`, one token.
template <typename T>
inline void integrate(const AttentionTokens<T>& a, const T* control, int64_t token, int64_t width, bool streams) {
  using V = Vector<T>;
  T* to = a.output + token * width;
  const T* target = a.integration == 0 ? nullptr : a.target + token * width;
  const T* shift = control + (a.integration == 3 ? width : 0);
  int64_t c = 0;
  for (; c + V::kSize <= width; c += V::kSize) {
    typename V::Type value = V::load(control + c);
    if (a.integration == 1) value += V::load(target + c);
    if (a.integration == 2) value = V::load(target + c) * (value + T(1));
    if (a.integration == 3) value = V::load(target + c) * (value + T(1)) + V::load(shift + c);
    put(to + c, value, streams);
  }
  for (; c < width; ++c) {
    T value = control[c];
    if (a.integration == 1) value += target[c];
    if (a.integration == 2) value = target[c] * (value + T(1));
    if (a.integration == 3) value = target[c] * (value + T(1)) + shift[c];
    to[c] = value;
  }
}

template <int kRows, typename T>
inline void group(const AttentionTokens<T>& a, int64_t token, T* scratch, bool streams) {
  const int64_t per_token = a.heads * a.components, columns = a.columns;
  T* scores = scratch;
  T* control = scratch + kTokenGroup * columns;
  product<kRows>(scores, a.x + token * a.channels, a.channels, a.weight, a.channels, columns,
                 static_cast<const T*>(nullptr));
  for (int r = 0; r < kRows; ++r) {
    T* row = scores + r * columns;
    if (a.bias != nullptr) {
      for (int64_t h = 0; h < a.heads; ++h) {
        const T* bias = a.bias + h * a.bias_head + (token + r) * a.bias_token;
        for (int64_t j = 0; j < a.components; ++j) row[h * a.components + j] += bias[j];
      }
    }
    softmax_row(row, a.heads, a.components, columns);
    for (int64_t h = 0; h < a.heads; ++h) {
      std::memcpy(a.softmax + h * a.softmax_head + (token + r) * a.components, row + h * a.components,
                  a.components * sizeof(T));
      if (a.scale == nullptr) continue;
      const T* scale = a.scale + h * a.scale_head + (token + r) * a.scale_token;
      for (int64_t j = 0; j < a.components; ++j) row[h * a.components + j] *= scale[j * a.scale_component];
    }
  }
  product<kRows>(control, scores, columns, a.value, per_token, a.channels_out, a.output_bias);
  const int64_t width = a.integration == 3 ? a.channels_out / 2 : a.channels_out;
  for (int r = 0; r < kRows; ++r) integrate(a, control + r * a.channels_out, token + r, width, streams);
}

template <typename T>
void tokens(const AttentionTokens<T>& a, int64_t begin, int64_t end, T* scratch) {
  const int64_t width = a.integration == 3 ? a.channels_out / 2 : a.channels_out;
  const bool streams = a.streams && (width * sizeof(T)) % GF_VECTOR_BYTES == 0 &&
                       reinterpret_cast<uintptr_t>(a.output) % GF_VECTOR_BYTES == 0;
  int64_t token = begin;
  for (; token + kTokenGroup <= end; token += kTokenGroup) group<kTokenGroup>(a, token, scratch, streams);
  for (; token < end; ++token) group<1>(a, token, scratch, streams);
  if (streams) stream_fence();
}

template <typename T>
void gather_tokens(const CentroidTokens<T>& a, int64_t begin, int64_t end) {
  const int64_t rows = a.heads * a.components;
  std::memset(a.sums, 0, rows * a.channels * sizeof(T));
  std::memset(a.totals, 0, rows * sizeof(T));
  // Stretches whose tokens stay in the second-level cache while all components pass over them.
  const int64_t stretch = 256;
  for (int64_t from = begin; from < end; from += stretch) {
    const int64_t to = from + stretch < end ? from + stretch : end;
    for (int64_t h = 0; h < a.heads; ++h) {
      const T* probabilities = a.probabilities + h * a.head;
      T* sums = a.sums + h * a.components * a.channels;
      T* totals = a.totals + h * a.components;
      for (int64_t i = from; i < to; ++i) {
        for (int64_t j = 0; j < a.components; ++j) totals[j] += probabilities[i * a.components + j];
      }
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
