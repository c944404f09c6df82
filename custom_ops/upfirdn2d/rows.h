#pragma once

#include "common/isa.h"
#include "upfirdn2d/plan.h"

// Writes rows [begin, end) of the output, counted over the batch; `scratch` holds one input row.
GF_DECLARE_VARIANTS(
    void upfirdn2d_rows(const Upfirdn2dPlan<float>& plan, const float* x, float* y, int64_t begin, int64_t end,
                        float* scratch);
    void upfirdn2d_rows(const Upfirdn2dPlan<double>& plan, const double* x, double* y, int64_t begin, int64_t end,
                        double* scratch);)
