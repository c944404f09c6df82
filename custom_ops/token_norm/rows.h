#pragma once

#include "common/isa.h"
#include "gansformer_ops.h"

// Rows [begin, end) of [rows, channels]; `first` is read for order 1. y may be x (order 0) or `first` (order 1).
GF_DECLARE_VARIANTS(
    void token_norm_rows(const gf_token_norm& op, const float* x, const float* first, float* y, int64_t begin,
                         int64_t end);
    void token_norm_rows(const gf_token_norm& op, const double* x, const double* first, double* y, int64_t begin,
                         int64_t end);)
