// The inner loops of FIR filters over channels-last rows, compiled once per instruction set.
#pragma once

#include "common/simd.h"
#include "upfirdn2d/plan.h"

namespace gf {
namespace GF_ISA {

// What happens to a sum before it is stored: nothing, or addition to what is there.
struct Store {
  template <typename V>
  inline V operator()(V sum, V) const {
    return sum;
  }
  static constexpr bool kReads = false;
  static constexpr bool kStreams = false;
};
// As Store, past the caches; rows must be aligned to a vector.
struct StoreStreaming : Store {
  static constexpr bool kStreams = true;
};
struct Accumulate {
  template <typename V>
  inline V operator()(V sum, V there) const {
    return sum + there;
  }
  static constexpr bool kReads = true;
  static constexpr bool kStreams = false;
};

// to[c] = epilogue(sum over q < count of taps[q] * from[q * stride + c]) for c < length.
template <int kCount, typename T, typename Epilogue>
inline void fir_fixed(T* to, const T* from, int64_t stride, const T* taps, int count, int64_t length,
                      const Epilogue& epilogue) {
  using V = Vector<T>;
  const int n = kCount > 0 ? kCount : count;
  int64_t c = 0;
  for (; c + V::kSize <= length; c += V::kSize) {
    typename V::Type sum = {};
    for (int q = 0; q < n; ++q) sum += taps[q] * V::load(from + q * stride + c);
    const typename V::Type result = epilogue(sum, Epilogue::kReads ? V::load(to + c) : sum);
    if (Epilogue::kStreams) {
      V::stream(to + c, result);
    } else {
      V::store(to + c, result);
    }
  }
  for (; c < length; ++c) {
    T sum = 0;
    for (int q = 0; q < n; ++q) sum += taps[q] * from[q * stride + c];
    to[c] = epilogue(sum, Epilogue::kReads ? to[c] : sum);
  }
}

template <typename T, typename Epilogue>
inline void fir(T* to, const T* from, int64_t stride, const T* taps, int count, int64_t length,
                const Epilogue& epilogue) {
  switch (count) {  // the usual lengths are unrolled
    case 1: return fir_fixed<1>(to, from, stride, taps, count, length, epilogue);
    case 2: return fir_fixed<2>(to, from, stride, taps, count, length, epilogue);
    case 3: return fir_fixed<3>(to, from, stride, taps, count, length, epilogue);
    case 4: return fir_fixed<4>(to, from, stride, taps, count, length, epilogue);
    case 6: return fir_fixed<6>(to, from, stride, taps, count, length, epilogue);
    case 12: return fir_fixed<12>(to, from, stride, taps, count, length, epilogue);
    default: return fir_fixed<0>(to, from, stride, taps, count, length, epilogue);
  }
}

// One row of pictures filtered along its width.
template <typename T, typename Epilogue>
inline void filter_row(T* to, const T* from, const Axis<T>& axis, const T* taps, int64_t channels,
                       const Epilogue& epilogue) {
  for (int64_t m = 0; m < axis.out; ++m) {
    const Step& step = axis.steps[m];
    fir(to + m * channels, from + step.first * channels, channels, taps + step.tap, step.count, channels, epilogue);
  }
}

}  // namespace GF_ISA
}  // namespace gf
