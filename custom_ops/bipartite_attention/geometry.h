// Checks of the attention kernels, shared by the CPU and CUDA entry points.
#pragma once

#include "common/check.h"

namespace gf {

constexpr int64_t kMaxHeads = 1 << 10;
constexpr int64_t kMaxComponents = 1 << 12;
// Tokens that one partial sum of the centroids covers; fixed, so that the result does not depend on the number of
// threads.
constexpr int64_t kCentroidBlock = 2048;

inline int64_t centroid_blocks(const gf_centroids& op) {
  return op.tokens > kCentroidBlock ? (op.tokens + kCentroidBlock - 1) / kCentroidBlock : 1;
}

inline bool one_or(int64_t size, int64_t full) { return size == 1 || size == full; }

inline int check_attention(const gf_attention* op, char* message) {
  if (op == nullptr) return fail(GF_INVALID, message, "the arguments are missing");
  if (!between(op->batch, 0, kMaxBatch) || !between(op->tokens, 0, kMaxSize) || !between(op->channels, 1, kMaxSize) ||
      !between(op->channels_out, 1, kMaxSize)) {
    return fail(GF_INVALID, message, "x is [%lld, %lld, %lld] with %lld output channels; channels must be 1 to %lld",
                static_cast<long long>(op->batch), static_cast<long long>(op->tokens),
                static_cast<long long>(op->channels), static_cast<long long>(op->channels_out),
                static_cast<long long>(kMaxSize));
  }
  if (!between(op->heads, 1, kMaxHeads) || !between(op->components, 1, kMaxComponents)) {
    return fail(GF_INVALID, message, "%lld heads and %lld components; they must be 1 to %lld and 1 to %lld",
                static_cast<long long>(op->heads), static_cast<long long>(op->components),
                static_cast<long long>(kMaxHeads), static_cast<long long>(kMaxComponents));
  }
  if (!between(op->integration, GF_CONTROL, GF_BOTH)) {
    return fail(GF_INVALID, message, "integration is number %d; it must be 0 to 3", op->integration);
  }
  if (op->integration == GF_BOTH && op->channels_out % 2 != 0) {
    return fail(GF_INVALID, message, "integration 'both' needs an even number of output channels, not %lld",
                static_cast<long long>(op->channels_out));
  }
  if (!one_or(op->weight_batch, op->batch) || !one_or(op->bias_batch, op->batch) ||
      !one_or(op->bias_tokens, op->tokens) || !one_or(op->value_batch, op->batch) ||
      !one_or(op->scale_shape[0], op->batch) || !one_or(op->scale_shape[1], op->heads) ||
      !one_or(op->scale_shape[2], op->tokens) || !one_or(op->scale_shape[3], op->components)) {
    return fail(GF_INVALID, message, "a broadcast size is neither 1 nor the full size");
  }
  if (product(op->batch, op->tokens, op->channels) < 0 || product(op->batch, op->tokens, op->channels_out) < 0 ||
      product(op->batch, op->tokens, op->heads, op->components) < 0 ||
      product(op->batch, op->heads, op->components, op->channels) < 0 ||
      product(op->batch, op->heads, op->components, op->channels_out) < 0) {
    return fail(GF_INVALID, message, "the number of elements overflows");
  }
  return GF_OK;
}

inline int check_attention_data(const gf_attention* op, const gf_attention_data* data, char* message) {
  if (data == nullptr || data->x == nullptr || data->score_weight == nullptr || data->value == nullptr ||
      data->output == nullptr || data->softmax == nullptr) {
    return fail(GF_INVALID, message, "x, score_weight, value or an output is missing");
  }
  const int64_t width = op->integration == GF_BOTH ? op->channels_out / 2 : op->channels_out;
  if (op->integration != GF_CONTROL && data->target == nullptr && width != op->channels) {
    return fail(GF_INVALID, message, "x has %lld channels; to be the target it needs %lld",
                static_cast<long long>(op->channels), static_cast<long long>(width));
  }
  return GF_OK;
}

inline int check_attention_gradient_data(const gf_attention* op, const gf_attention_gradient_data* data,
                                         char* message) {
  if (data == nullptr || data->d_output_bias == nullptr ||
      (op->batch > 0 && (data->score_weight == nullptr || data->value == nullptr || data->d_weight == nullptr ||
                         data->d_value == nullptr))) {
    return fail(GF_INVALID, message, "score_weight, value or an output is missing");
  }
  const bool empty = op->batch == 0 || op->tokens == 0;
  if (!empty && (data->x == nullptr || data->softmax == nullptr || data->d_output == nullptr ||
                 data->d_x == nullptr || data->d_scores == nullptr)) {
    return fail(GF_INVALID, message, "x, softmax, d_output or an output is missing");
  }
  const int64_t width = op->integration == GF_BOTH ? op->channels_out / 2 : op->channels_out;
  if (op->integration == GF_CONTROL || width == op->channels) return GF_OK;
  if (!empty && (data->target == nullptr || data->d_target == nullptr)) {
    return fail(GF_INVALID, message, "x has %lld channels; to be the target it needs %lld",
                static_cast<long long>(op->channels), static_cast<long long>(width));
  }
  return GF_OK;
}

inline int check_centroids(const gf_centroids* op, char* message) {
  if (op == nullptr) return fail(GF_INVALID, message, "the arguments are missing");
  if (!between(op->batch, 0, kMaxBatch) || !between(op->tokens, 0, kMaxSize) || !between(op->channels, 1, kMaxSize) ||
      !between(op->heads, 1, kMaxHeads) || !between(op->components, 1, kMaxComponents)) {
    return fail(GF_INVALID, message, "x is [%lld, %lld, %lld] with %lld heads of %lld components: out of range",
                static_cast<long long>(op->batch), static_cast<long long>(op->tokens),
                static_cast<long long>(op->channels), static_cast<long long>(op->heads),
                static_cast<long long>(op->components));
  }
  if (!std::isfinite(op->epsilon) || op->epsilon < 0) {
    return fail(GF_INVALID, message, "epsilon must be a finite number of at least 0");
  }
  if (product(op->batch, op->tokens, op->channels) < 0 ||
      product(op->batch, op->tokens, op->heads, op->components) < 0 ||
      product(op->batch, op->heads, op->components, op->channels) < 0) {
    return fail(GF_INVALID, message, "the number of elements overflows");
  }
  return GF_OK;
}

}  // namespace gf
