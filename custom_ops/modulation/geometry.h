// Checks of the modulation's two ops.
#pragma once

#include "common/check.h"

namespace gf {

inline int check_modulation(const gf_modulation* op, char* message) {
  if (op == nullptr) return fail(GF_INVALID, message, "the arguments are missing");
  if (!between(op->channels, 0, kMaxSize) || op->batch < 0 || op->rows < 0 || product(op->batch, op->rows) < 0 ||
      product(product(op->batch, op->rows), op->channels) < 0) {
    return fail(GF_INVALID, message, "x is [%lld, %lld, %lld]; sizes must not be negative or overflow",
                static_cast<long long>(op->batch), static_cast<long long>(op->rows),
                static_cast<long long>(op->channels));
  }
  return GF_OK;
}

}  // namespace gf
