// Checks of token_norm.
#pragma once

#include "common/check.h"

namespace gf {

inline int check_token_norm(const gf_token_norm* op, char* message) {
  if (op == nullptr) return fail(GF_INVALID, message, "the arguments are missing");
  if (!between(op->channels, 0, kMaxSize) || op->rows < 0 || product(op->rows, op->channels) < 0) {
    return fail(GF_INVALID, message, "x is [%lld, %lld]; sizes must not be negative or overflow",
                static_cast<long long>(op->rows), static_cast<long long>(op->channels));
  }
  if (!between(op->order, 0, 1)) return fail(GF_INVALID, message, "order is %d; it must be 0 or 1", op->order);
  if (op->center == 0 && op->scale == 0) return fail(GF_INVALID, message, "nothing to do: neither center nor scale");
  if (!std::isfinite(op->epsilon) || op->epsilon < 0) {
    return fail(GF_INVALID, message, "epsilon is %g; it must be a finite number, 0 or more", op->epsilon);
  }
  return GF_OK;
}

}  // namespace gf
