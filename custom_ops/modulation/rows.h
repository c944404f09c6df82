#pragma once

#include "common/isa.h"
#include "gansformer_ops.h"

GF_DECLARE_VARIANTS(
    // Rows [begin, end) of one picture times the scales of its channels; y may be x.
    void scale_rows(const float* x, const float* scales, float* y, int64_t begin, int64_t end, int64_t channels);
    void scale_rows(const double* x, const double* scales, double* y, int64_t begin, int64_t end, int64_t channels);
    // Adds the products of x and y over the rows [begin, end) of one picture to sums [channels].
    void dot_rows(const float* x, const float* y, float* sums, int64_t begin, int64_t end, int64_t channels);
    void dot_rows(const double* x, const double* y, double* sums, int64_t begin, int64_t end, int64_t channels);)
