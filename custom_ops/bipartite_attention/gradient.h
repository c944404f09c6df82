#pragma once

#include <cstdint>

#include "common/isa.h"

namespace gf {

// Everything the gradient of a range of tokens of one picture needs. Strides of 0 broadcast.
template <typename T>
struct AttentionGradientTokens {
  int64_t channels, heads, components, channels_out;
  int integration;
  const T* x;            // [tokens, channels]
  const T* weight;       // [heads * components, channels]: transposed
  const T* value;        // [heads * components, channels_out]
  const T* value_turned; // [channels_out, columns]: transposed, padded with zeros to `columns`
  int64_t columns;
  const T* output_bias;  // or null
  const T* scale;        // or null
  int64_t scale_head, scale_token, scale_component;
  const T* target;       // [tokens, width]
  const T* softmax;      // head h, token i at h * softmax_head + i * components
  int64_t softmax_head;
  const T* d_output;     // [tokens, width]
  const T* d_softmax;    // as softmax, or null
  T* d_x;                // [tokens, channels]
  T* d_target;           // [tokens, width]; null: the target is x, and its gradient belongs to d_x
  T* d_scores;           // as softmax
  T* d_weight;           // [heads * components, channels], added to
  T* d_value;            // [heads * components, channels_out], added to
  T* d_output_bias;      // [channels_out], added to
};

// Tokens whose rows stay in the caches between the products of one stretch.
constexpr int64_t kGradientStretch = 64;

// Elements of `scratch`.
template <typename T>
inline int64_t gradient_scratch(const AttentionGradientTokens<T>& a, int64_t group) {
  return kGradientStretch * (2 * a.heads * a.components + a.channels_out) + group * (a.columns + a.channels_out);
}

}  // namespace gf

GF_DECLARE_VARIANTS(
    void attention_gradient(const AttentionGradientTokens<float>& a, int64_t begin, int64_t end, float* scratch);
    void attention_gradient(const AttentionGradientTokens<double>& a, int64_t begin, int64_t end, double* scratch);)
