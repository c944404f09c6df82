#pragma once

#include "common/isa.h"
#include "filtered_lrelu/plan.h"

// Works on units [begin, end): blocks of plan.block output rows, counted over the batch.
GF_DECLARE_VARIANTS(
    void filtered_lrelu_blocks(const FilteredLreluPlan<float>& plan, const float* x, const float* other, float* y,
                               int64_t begin, int64_t end, float* scratch);
    void filtered_lrelu_blocks(const FilteredLreluPlan<double>& plan, const double* x, const double* other, double* y,
                               int64_t begin, int64_t end, double* scratch);)
