// The activations and their first two derivatives, for the CPU and CUDA.
#pragma once

#include <cmath>

#include "gansformer_ops.h"

#if defined(__CUDACC__)
#define GF_HOST_DEVICE __host__ __device__
#else
#define GF_HOST_DEVICE
#endif

// A namespace per instruction set keeps the linker from mixing the variants.
#ifndef GF_ISA
#define GF_ISA device
#endif

namespace gf {
namespace GF_ISA {

// Constants of SELU (Klambauer et al., 2017).
constexpr double kSeluScale = 1.0507009873554804934193349852946;
constexpr double kSeluAlpha = 1.6732632423543772848170429916717;

template <typename T>
struct BiasActNumbers {
  T alpha, gain, clamp;  // clamp below 0: none
};

// order 0: clip(gain * f(x)); 1: first * gain * f'(x); 2: first * second * gain * f''(x); 0 where clipped.
template <int kOrder, typename T>
GF_HOST_DEVICE inline T bias_act(int activation, T x, T first, T second, const BiasActNumbers<T>& numbers) {
  T f = x, d1 = 1, d2 = 0;
  if (activation == GF_RELU) {
    f = x > 0 ? x : T(0);
    d1 = x > 0 ? T(1) : T(0);
  } else if (activation == GF_LRELU) {
    f = x > 0 ? x : x * numbers.alpha;
    d1 = x > 0 ? T(1) : numbers.alpha;
  } else if (activation == GF_TANH) {
    f = tanh(x);
    d1 = 1 - f * f;
    d2 = -2 * f * d1;
  } else if (activation == GF_SIGMOID) {
    f = 1 / (1 + exp(-x));
    d1 = f * (1 - f);
    d2 = d1 * (1 - 2 * f);
  } else if (activation == GF_ELU || activation == GF_SELU) {
    const T scale = activation == GF_SELU ? T(kSeluScale) : T(1);
    const T alpha = activation == GF_SELU ? T(kSeluAlpha) : T(1);
    if (x < 0) {
      f = scale * alpha * expm1(x);
      d1 = d2 = scale * alpha * exp(x);
    } else {
      f = scale * x;
      d1 = scale;
    }
  } else if (activation == GF_SOFTPLUS) {
    f = x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    d1 = 1 / (1 + exp(-x));
    d2 = d1 * (1 - d1);
  } else if (activation == GF_SWISH) {
    const T s = 1 / (1 + exp(-x));
    const T ds = s * (1 - s);
    f = x * s;
    d1 = s + x * ds;
    d2 = ds * (2 + x * (1 - 2 * s));
  }
  const T y = f * numbers.gain;
  const bool clips = numbers.clamp >= 0;
  if (kOrder == 0) {
    if (!clips) return y;
    return y > numbers.clamp ? numbers.clamp : (y < -numbers.clamp ? -numbers.clamp : y);
  }
  const T slope = first * numbers.gain * (kOrder == 1 ? d1 : second * d2);
  return clips && (y > numbers.clamp || y < -numbers.clamp) ? T(0) : slope;
}

}  // namespace GF_ISA
}  // namespace gf
