// Gradient of the bipartite attention on the CPU. The control is made again from the softmax; nothing of the size
// [tokens, channels] is written but the gradients themselves.
#include "bipartite_attention/gradient.h"

#include "bipartite_attention/product.h"
#include "bipartite_attention/tokens.h"
#include "common/simd.h"
#include "gansformer_ops.h"

namespace gf {
namespace GF_ISA {
namespace {

template <typename T>
class Gradient {
 public:
  Gradient(const AttentionGradientTokens<T>& a, T* scratch)
      : a_(a),
        per_token_(a.heads * a.components),
        width_(a.integration == GF_BOTH ? a.channels_out / 2 : a.channels_out),
        probabilities_(scratch),
        d_scores_(probabilities_ + kGradientStretch * per_token_),
        d_control_(d_scores_ + kGradientStretch * per_token_),
        d_probabilities_(d_control_ + kGradientStretch * a.channels_out),
        control_(d_probabilities_ + kTokenGroup * a.columns) {}

  void stretch(int64_t begin, int64_t end) {
    int64_t token = begin;
    for (; token + kTokenGroup <= end; token += kTokenGroup) group<kTokenGroup>(token, token - begin);
    for (; token < end; ++token) group<1>(token, token - begin);
    const int64_t count = end - begin;
    gather(a_.d_value, probabilities_, per_token_, per_token_, d_control_, count, a_.channels_out);
    gather(a_.d_weight, d_scores_, per_token_, per_token_, a_.x + begin * a_.channels, count, a_.channels);
    const T one = 1;
    for (int64_t i = 0; i < count; ++i) {
      gather_block<1>(a_.d_output_bias, &one, 1, d_control_ + i * a_.channels_out, 1, a_.channels_out);
    }
  }

 private:
  // Tokens [token, token + kRows), rows [row, row + kRows) of the stretch.
  template <int kRows>
  void group(int64_t token, int64_t row) {
    T* probabilities = probabilities_ + row * per_token_;
    T* d_scores = d_scores_ + row * per_token_;
    T* d_control = d_control_ + row * a_.channels_out;
    for (int r = 0; r < kRows; ++r) scaled(token + r, probabilities + r * per_token_);
    if (a_.integration >= GF_MUL) {
      product<kRows>(control_, probabilities, per_token_, a_.value, per_token_, a_.channels_out, a_.output_bias);
    }
    for (int r = 0; r < kRows; ++r) integration(token + r, control_ + r * a_.channels_out, d_control + r * a_.channels_out);
    product<kRows>(d_probabilities_, d_control, a_.channels_out, a_.value_turned, a_.channels_out, a_.columns,
                   static_cast<const T*>(nullptr));
    for (int r = 0; r < kRows; ++r) softmax(token + r, d_probabilities_ + r * a_.columns, d_scores + r * per_token_);
    T* d_x = a_.d_x + token * a_.channels;
    const bool holds_target = a_.integration != GF_CONTROL && a_.d_target == nullptr;
    product<kRows>(d_x, d_scores, per_token_, a_.weight, per_token_, a_.channels, holds_target ? d_x : nullptr,
                   a_.channels);
  }

  T scale_of(int64_t head, int64_t token, int64_t component) const {
    return a_.scale == nullptr
               ? T(1)
               : a_.scale[head * a_.scale_head + token * a_.scale_token + component * a_.scale_component];
  }

  void scaled(int64_t token, T* row) const {
    for (int64_t h = 0; h < a_.heads; ++h) {
      const T* from = a_.softmax + h * a_.softmax_head + token * a_.components;
      T* to = row + h * a_.components;
      if (a_.scale == nullptr) {
        std::memcpy(to, from, a_.components * sizeof(T));
      } else {
        for (int64_t j = 0; j < a_.components; ++j) to[j] = from[j] * scale_of(h, token, j);
      }
    }
  }

  // From the gradient of the output to those of the control and the target, which may lie over the former.
  void integration(int64_t token, const T* control, T* d_control) const {
    const T* d_output = a_.d_output + token * width_;
    if (a_.integration == GF_BOTH) std::memcpy(d_control + width_, d_output, width_ * sizeof(T));
    if (a_.integration == GF_CONTROL) {
      std::memcpy(d_control, d_output, width_ * sizeof(T));
      return;
    }
    const T* target = a_.target + token * width_;
    T* d_target = a_.d_target != nullptr ? a_.d_target + token * width_ : a_.d_x + token * width_;
    if (a_.integration == GF_ADD) {
      std::memcpy(d_control, d_output, width_ * sizeof(T));
      if (d_target != d_output) std::memcpy(d_target, d_output, width_ * sizeof(T));
      return;
    }
    using V = Vector<T>;
    int64_t c = 0;
    for (; c + V::kSize <= width_; c += V::kSize) {
      const typename V::Type d = V::load(d_output + c);
      V::store(d_control + c, d * V::load(target + c));
      V::store(d_target + c, d * (V::load(control + c) + T(1)));
    }
    for (; c < width_; ++c) {
      const T d = d_output[c];
      d_control[c] = d * target[c];
      d_target[c] = d * (control[c] + T(1));
    }
  }

  void softmax(int64_t token, const T* d_probabilities, T* d_scores) const {
    for (int64_t h = 0; h < a_.heads; ++h) {
      const int64_t at = h * a_.softmax_head + token * a_.components;
      const T* s = a_.softmax + at;
      const T* d = d_probabilities + h * a_.components;
      T* to = d_scores + h * a_.components;
      T dot = 0;
      for (int64_t j = 0; j < a_.components; ++j) {
        T g = d[j];
        if (a_.scale != nullptr) g *= scale_of(h, token, j);
        if (a_.d_softmax != nullptr) g += a_.d_softmax[at + j];
        to[j] = g;
        dot += g * s[j];
      }
      for (int64_t j = 0; j < a_.components; ++j) to[j] = s[j] * (to[j] - dot);
      std::memcpy(a_.d_scores + at, to, a_.components * sizeof(T));
    }
  }

  const AttentionGradientTokens<T>& a_;
  const int64_t per_token_, width_;
  T *probabilities_, *d_scores_, *d_control_;      // rows of a stretch
  T *d_probabilities_, *control_;                  // rows of a group
};

template <typename T>
void gradient(const AttentionGradientTokens<T>& a, int64_t begin, int64_t end, T* scratch) {
  Gradient<T> work(a, scratch);
  for (int64_t from = begin; from < end; from += kGradientStretch) {
    work.stretch(from, from + kGradientStretch < end ? from + kGradientStretch : end);
  }
}

}  // namespace

void attention_gradient(const AttentionGradientTokens<float>& a, int64_t begin, int64_t end, float* scratch) {
  gradient(a, begin, end, scratch);
}
void attention_gradient(const AttentionGradientTokens<double>& a, int64_t begin, int64_t end, double* scratch) {
  gradient(a, begin, end, scratch);
}

}  // namespace GF_ISA
}  // namespace gf
