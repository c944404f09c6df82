// token_norm on the CPU: a row is read from memory once and stays in the first-level cache for the rest.
#include "token_norm/rows.h"

#include <cmath>

#include "common/simd.h"

namespace gf {
namespace GF_ISA {
namespace {

// Sum of term(vector of indices) over a row; `vector` and `scalar` compute the same term.
template <typename T, typename VectorTerm, typename ScalarTerm>
inline T sum(int64_t channels, const VectorTerm& vector, const ScalarTerm& scalar) {
  constexpr int64_t kSize = Vector<T>::kSize;
  typename Vector<T>::Type even = {}, odd = {};
  int64_t c = 0;
  for (; c + 2 * kSize <= channels; c += 2 * kSize) {
    even += vector(c);
    odd += vector(c + kSize);
  }
  if (c + kSize <= channels) {
    even += vector(c);
    c += kSize;
  }
  even += odd;
  T total = 0;
  for (int64_t lane = 0; lane < kSize; ++lane) total += even[lane];
  for (; c < channels; ++c) total += scalar(c);
  return total;
}

template <typename T>
inline T mean_of(const T* x, int64_t channels) {
  return sum<T>(
             channels, [&](int64_t c) { return Vector<T>::load(x + c); }, [&](int64_t c) { return x[c]; }) /
         static_cast<T>(channels);
}

// Mean of (x - mean) * other, where `other` is (x - mean) again if it is null.
template <typename T>
inline T mean_product(const T* x, T mean, const T* other, int64_t channels) {
  const auto vector = [&](int64_t c) {
    const auto z = Vector<T>::load(x + c) - mean;
    return z * (other == nullptr ? z : Vector<T>::load(other + c));
  };
  const auto scalar = [&](int64_t c) {
    const T z = x[c] - mean;
    return z * (other == nullptr ? z : other[c]);
  };
  return sum<T>(channels, vector, scalar) / static_cast<T>(channels);
}

template <typename T>
void rows(const gf_token_norm& op, const T* x, const T* first, T* y, int64_t begin, int64_t end) {
  const int64_t channels = op.channels;
  const T epsilon = static_cast<T>(op.epsilon);
  for (int64_t r = begin; r < end; ++r) {
    const T* from = x + r * channels;
    T* to = y + r * channels;
    const T mean = op.center ? mean_of(from, channels) : T(0);
    const T factor =
        op.scale ? T(1) / std::sqrt(mean_product<T>(from, mean, nullptr, channels) + epsilon) : T(1);
    if (op.order == 0) {
#pragma GCC ivdep
      for (int64_t c = 0; c < channels; ++c) to[c] = (from[c] - mean) * factor;
      continue;
    }
    // With z = x - mean, the gradient is factor * (d - mean(d)) - z * factor^3 * mean(d z).
    const T* d = first + r * channels;
    const T shift = op.center ? mean_of(d, channels) : T(0);
    const T along = op.scale ? factor * factor * factor * mean_product(from, mean, d, channels) : T(0);
#pragma GCC ivdep
    for (int64_t c = 0; c < channels; ++c) to[c] = factor * (d[c] - shift) - (from[c] - mean) * along;
  }
}

}  // namespace

void token_norm_rows(const gf_token_norm& op, const float* x, const float* first, float* y, int64_t begin,
                     int64_t end) {
  rows(op, x, first, y, begin, end);
}
void token_norm_rows(const gf_token_norm& op, const double* x, const double* first, double* y, int64_t begin,
                     int64_t end) {
  rows(op, x, first, y, begin, end);
}

}  // namespace GF_ISA
}  // namespace gf
