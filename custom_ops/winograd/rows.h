#pragma once

#include "common/isa.h"
#include "winograd/geometry.h"

// Transformed tiles are [frequency][tile][row_of(channels)], `plane` values per frequency; a transformed filter is
// [frequency][panel][channel in][kPanel]. `first` is the first tile of the chunk; tiles [begin, end) count from it.
#define GF_WINOGRAD_VARIANTS(T)                                                                                       \
  /* G g G' of the panels [begin, end) of output channels; `transposed` swaps the channels and turns the filter. */   \
  void winograd_filter(const T* w, T* u, int64_t in, int64_t out, bool transposed, int64_t begin, int64_t end);       \
  /* B' d B; tiles past the last one are zeros, and so is what follows the channels in a row. */                      \
  void winograd_input(const T* x, T* v, const Tiles& tiles, int64_t channels, int64_t plane, int64_t first,           \
                      int64_t begin, int64_t end);                                                                    \
  /* A dY A' in the same layout. */                                                                                   \
  void winograd_output_gradient(const T* dy, T* z, const Tiles& tiles, int64_t channels, int64_t plane,               \
                                int64_t first, int64_t begin, int64_t end);                                           \
  /* A' m A. */                                                                                                       \
  void winograd_output(const T* m, T* y, const Tiles& tiles, int64_t channels, int64_t plane, int64_t first,          \
                       int64_t begin, int64_t end);                                                                   \
  /* One panel of m = v u for one frequency: rows [0, rows), a multiple of kMostRows. */                              \
  void winograd_product(const T* v, const T* u, T* m, int64_t rows, int64_t in, int64_t v_row, int64_t m_row);        \
  /* One panel of du += v' z for one frequency, all `in` channels; du is [channels in][kPanel]. */                    \
  void winograd_outer(const T* v, const T* z, T* du, int64_t tiles, int64_t in, int64_t v_row, int64_t z_row);        \
  /* G' du G of the panels [begin, end). */                                                                           \
  void winograd_filter_gradient(const T* du, T* dw, int64_t in, int64_t out, int64_t begin, int64_t end);

GF_DECLARE_VARIANTS(GF_WINOGRAD_VARIANTS(float) GF_WINOGRAD_VARIANTS(double))
#undef GF_WINOGRAD_VARIANTS
