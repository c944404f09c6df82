// Checks of bias_act, shared by the CPU and CUDA entry points.
#pragma once

#include "common/check.h"

namespace gf {

inline int check_bias_act(const gf_bias_act* op, char* message) {
  if (op == nullptr) return fail(GF_INVALID, message, "the arguments are missing");
  if (!between(op->channels, 0, kMaxSize) || op->rows < 0 || product(op->rows, op->channels) < 0) {
    return fail(GF_INVALID, message, "x is [%lld, %lld]; sizes must not be negative or overflow",
                static_cast<long long>(op->rows), static_cast<long long>(op->channels));
  }
  if (!between(op->activation, GF_LINEAR, GF_SWISH)) {
    return fail(GF_INVALID, message, "activation is number %d; it must be 0 to %d", op->activation, GF_SWISH);
  }
  if (!between(op->order, 0, 2)) return fail(GF_INVALID, message, "order is %d; it must be 0, 1 or 2", op->order);
  if (!std::isfinite(op->alpha) || !std::isfinite(op->gain) || !std::isfinite(op->clamp)) {
    return fail(GF_INVALID, message, "alpha, gain and clamp must be finite numbers");
  }
  return GF_OK;
}

}  // namespace gf
