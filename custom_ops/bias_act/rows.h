#pragma once

#include "common/isa.h"
#include "gansformer_ops.h"

// Rows [begin, end) of [rows, channels]; `bias`, `first` and `second` may be null where they are not used.
GF_DECLARE_VARIANTS(
    void bias_act_rows(const gf_bias_act& op, const float* x, const float* bias, const float* first,
                       const float* second, float* y, int64_t begin, int64_t end);
    void bias_act_rows(const gf_bias_act& op, const double* x, const double* bias, const double* first,
                       const double* second, double* y, int64_t begin, int64_t end);)
