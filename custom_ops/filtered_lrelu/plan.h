// What the fused rows of filtered_lrelu need to know.
#pragma once

#include "upfirdn2d/plan.h"

namespace gf {

// A picture on the way to the fine grid: [batch, vertical.in, horizontal.in, channels] through one upfirdn.
// The activation happens on the fine grid; a last upfirdn takes it to the output.
template <typename T>
struct FilteredLreluPlan {
  int64_t batch, channels;
  Upfirdn2dPlan<T> gate;  // from x + bias; its sign and size decide the slope
  Upfirdn2dPlan<T> other; // modes 1 and 2: what is multiplied with the slope
  Upfirdn2dPlan<T> last;
  const T* bias;  // or null
  int mode;
  T slope, gain, clamp;  // clamp below 0: none
  int64_t block;         // output rows per unit of work
  int64_t ring;          // rows of the last filter that are kept
  int64_t scratch;       // elements of working memory per thread
};

}  // namespace gf
