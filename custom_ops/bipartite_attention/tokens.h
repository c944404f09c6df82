#pragma once

#include <cstdint>

#include "common/isa.h"

namespace gf {

// Everything a range of tokens of one picture needs. Strides of 0 broadcast.
template <typename T>
struct AttentionTokens {
  int64_t channels, heads, components, channels_out;
  int integration;
  bool streams;             // write the output past the caches
  const T* x;               // [tokens, channels]
  const T* weight;          // [channels, columns]: all heads side by side, padded with zeros to `columns`
  int64_t columns;
  const T* bias;            // of head h and token i at h * bias_head + i * bias_token; null: none
  int64_t bias_head, bias_token;
  const T* value;           // [heads * components, channels_out]
  const T* output_bias;     // or null
  const T* scale;           // or null
  int64_t scale_head, scale_token, scale_component;
  const T* target;          // [tokens, width]
  T* output;                // [tokens, width]
  T* softmax;               // head h, token i at h * softmax_head + i * components
  int64_t softmax_head;
};

template <typename T>
struct CentroidTokens {
  int64_t channels, heads, components;
  const T* x;              // [tokens, channels]
  const T* probabilities;  // head h, token i at h * head + i * components
  int64_t head;
  T* sums;                 // [heads, components, channels], overwritten
  T* totals;               // [heads, components], overwritten
};

// Tokens handled together; their scores are kept in registers and first-level cache.
constexpr int kTokenGroup = 16;
// Widest vector in elements (float32, AVX-512): padding of `columns`.
constexpr int kColumnPadding = 16;

}  // namespace gf

// `scratch` holds kTokenGroup * columns elements.
GF_DECLARE_VARIANTS(
    void attention_tokens(const AttentionTokens<float>& a, int64_t begin, int64_t end, float* scratch);
    void attention_tokens(const AttentionTokens<double>& a, int64_t begin, int64_t end, double* scratch);
    void centroid_tokens(const CentroidTokens<float>& c, int64_t begin, int64_t end);
    void centroid_tokens(const CentroidTokens<double>& c, int64_t begin, int64_t end);)
