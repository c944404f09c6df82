// bias_act on the CPU.
#include "bias_act/rows.h"

#include "common/simd.h"

// After simd.h, which names the instruction set.
#include "bias_act/formula.h"

namespace gf {
namespace GF_ISA {
namespace {

template <int kActivation, int kOrder, typename T>
void loop(const BiasActNumbers<T>& numbers, const T* x, const T* bias, const T* first,
          const T* second, T* y, int64_t rows, int64_t channels) {
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t at = r * channels;
    // x may be y: every element is read before it is written.
#pragma GCC ivdep
    for (int64_t c = 0; c < channels; ++c) {
      const T sum = x[at + c] + (bias != nullptr ? bias[c] : T(0));
      y[at + c] = bias_act<kOrder>(kActivation, sum, kOrder >= 1 ? first[at + c] : T(0),
                                                kOrder == 2 ? second[at + c] : T(0), numbers);
    }
  }
}

// A constant activation lets the compiler vectorise the loops of the simple ones.
template <int kOrder, typename T, typename... Rest>
void loops(int activation, const BiasActNumbers<T>& numbers, Rest... rest) {
  switch (activation) {
    case GF_LINEAR: return loop<GF_LINEAR, kOrder, T>(numbers, rest...);
    case GF_RELU: return loop<GF_RELU, kOrder, T>(numbers, rest...);
    case GF_LRELU: return loop<GF_LRELU, kOrder, T>(numbers, rest...);
    case GF_TANH: return loop<GF_TANH, kOrder, T>(numbers, rest...);
    case GF_SIGMOID: return loop<GF_SIGMOID, kOrder, T>(numbers, rest...);
    case GF_ELU: return loop<GF_ELU, kOrder, T>(numbers, rest...);
    case GF_SELU: return loop<GF_SELU, kOrder, T>(numbers, rest...);
    case GF_SOFTPLUS: return loop<GF_SOFTPLUS, kOrder, T>(numbers, rest...);
    case GF_SWISH: return loop<GF_SWISH, kOrder, T>(numbers, rest...);
  }
}

template <typename T>
void rows(const gf_bias_act& op, const T* x, const T* bias, const T* first, const T* second, T* y, int64_t begin,
          int64_t end) {
  const BiasActNumbers<T> numbers = {static_cast<T>(op.alpha), static_cast<T>(op.gain), static_cast<T>(op.clamp)};
  const int64_t at = begin * op.channels;
  if (first != nullptr) first += at;
  if (second != nullptr) second += at;
  switch (op.order) {
    case 0: return loops<0>(op.activation, numbers, x + at, bias, first, second, y + at, end - begin, op.channels);
    case 1: return loops<1>(op.activation, numbers, x + at, bias, first, second, y + at, end - begin, op.channels);
    default: return loops<2>(op.activation, numbers, x + at, bias, first, second, y + at, end - begin, op.channels);
  }
}

}  // namespace

void bias_act_rows(const gf_bias_act& op, const float* x, const float* bias, const float* first, const float* second,
                   float* y, int64_t begin, int64_t end) {
  rows(op, x, bias, first, second, y, begin, end);
}
void bias_act_rows(const gf_bias_act& op, const double* x, const double* bias, const double* first,
                   const double* second, double* y, int64_t begin, int64_t end) {
  rows(op, x, bias, first, second, y, begin, end);
}

}  // namespace GF_ISA
}  // namespace gf
