// Transforms and products of the Winograd convolution, compiled once per instruction set.
#include "winograd/rows.h"

#include <cstring>

#include "common/simd.h"

namespace gf {
namespace GF_ISA {
namespace {

template <typename T>
using Values = typename Vector<T>::Type;

template <typename T>
inline Values<T> load_some(const T* from, int64_t count) {
  if (count >= Vector<T>::kSize) return Vector<T>::load(from);
  T values[Vector<T>::kSize] = {};
  std::memcpy(values, from, sizeof(T) * count);
  return Vector<T>::load(values);
}

template <typename T>
inline void store_some(T* to, Values<T> value, int64_t count) {
  if (count >= Vector<T>::kSize) return Vector<T>::store(to, value);
  std::memcpy(to, &value, sizeof(T) * count);
}

// Both sides of a transform, first the columns, then the rows: to = M from M' for the matrix M that `line` applies to
// kFrom values that lie `step` apart.
template <int kFrom, int kTo, typename V, typename Line>
[[gnu::always_inline]] inline void two_sided(const V (&from)[kFrom][kFrom], V (&to)[kTo][kTo], Line line) {
  V half[kTo][kFrom];
#pragma GCC unroll 4
  for (int j = 0; j < kFrom; ++j) {
    V column[kFrom], result[kTo];
#pragma GCC unroll 4
    for (int i = 0; i < kFrom; ++i) column[i] = from[i][j];
    line(column, result);
#pragma GCC unroll 4
    for (int i = 0; i < kTo; ++i) half[i][j] = result[i];
  }
#pragma GCC unroll 4
  for (int i = 0; i < kTo; ++i) line(half[i], to[i]);
}

struct Input {  // B'
  template <typename V>
  void operator()(const V (&d)[4], V (&v)[4]) const {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
  }
};
struct Filter {  // G
  template <typename V>
  void operator()(const V (&g)[3], V (&u)[4]) const {
    const V even = (g[0] + g[2]) * 0.5f, odd = g[1] * 0.5f;
    u[0] = g[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = g[2];
  }
};
struct FilterGradient {  // G'
  template <typename V>
  void operator()(const V (&u)[4], V (&g)[3]) const {
    const V sum = (u[1] + u[2]) * 0.5f;
    g[0] = u[0] + sum;
    g[1] = (u[1] - u[2]) * 0.5f;
    g[2] = sum + u[3];
  }
};
struct Output {  // A'
  template <typename V>
  void operator()(const V (&m)[4], V (&y)[2]) const {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
  }
};
struct OutputGradient {  // A
  template <typename V>
  void operator()(const V (&y)[2], V (&m)[4]) const {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = -y[1];
  }
};

// Corner of a tile's outputs.
struct Place {
  int64_t picture, row, column;
};

inline Place place_of(const Tiles& tiles, int64_t tile) {
  const int64_t line = tile / tiles.across;
  return {line / tiles.down, 2 * (line % tiles.down), 2 * (tile % tiles.across)};
}

// Transforms kSide x kSide pixels of every tile, the first one `before` above and left of its corner, to all
// frequencies.
template <int kSide, typename Line, typename T>
inline void scatter(const T* x, T* v, const Tiles& tiles, int64_t channels, int64_t plane, int64_t first,
                    int64_t begin, int64_t end, int64_t before, Line line) {
  using V = Vector<T>;
  const int64_t row = row_of(channels);
  for (int64_t t = begin; t < end; ++t) {
    T* to = v + t * row;
    if (first + t >= tiles.count) {
      for (int64_t f = 0; f < kFrequencies; ++f) std::fill(to + f * plane, to + f * plane + row, T(0));
      continue;
    }
    const Place place = place_of(tiles, first + t);
    const T* pixels[kSide][kSide];
    for (int i = 0; i < kSide; ++i) {
      for (int j = 0; j < kSide; ++j) {
        const int64_t r = place.row + i - before, c = place.column + j - before;
        const bool inside = r >= 0 && r < tiles.height && c >= 0 && c < tiles.width;
        const int64_t at = (place.picture * tiles.height + r) * tiles.width + c;
        pixels[i][j] = inside ? x + at * channels : nullptr;
      }
    }
    for (int64_t c = 0; c < row; c += V::kSize) {
      Values<T> from[kSide][kSide], out[4][4];
      const int64_t count = std::max<int64_t>(0, channels - c);
#pragma GCC unroll 4
      for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < kSide; ++j) {
          from[i][j] = pixels[i][j] == nullptr ? V::fill(0) : load_some(pixels[i][j] + c, count);
        }
      }
      two_sided<kSide, 4>(from, out, line);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) V::store(to + (4 * i + j) * plane + c, out[i][j]);
      }
    }
  }
}

template <typename T>
inline void gather_output(const T* m, T* y, const Tiles& tiles, int64_t channels, int64_t plane, int64_t first,
                          int64_t begin, int64_t end) {
  using V = Vector<T>;
  const int64_t row = row_of(channels);
  for (int64_t t = begin; t < end && first + t < tiles.count; ++t) {
    const T* from = m + t * row;
    const Place place = place_of(tiles, first + t);
    T* to = y + ((place.picture * tiles.height + place.row) * tiles.width + place.column) * channels;
    const bool below = place.row + 1 < tiles.height, beside = place.column + 1 < tiles.width;
    for (int64_t c = 0; c < channels; c += V::kSize) {
      Values<T> in[4][4], out[2][2];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) in[i][j] = V::load(from + (4 * i + j) * plane + c);
      }
      two_sided<4, 2>(in, out, Output());
      const int64_t count = channels - c;
      store_some(to + c, out[0][0], count);
      if (beside) store_some(to + channels + c, out[0][1], count);
      if (below) store_some(to + tiles.width * channels + c, out[1][0], count);
      if (below && beside) store_some(to + (tiles.width + 1) * channels + c, out[1][1], count);
    }
  }
}

// u of one panel: from w[tap][c][k] for the output channels k of the panel.
template <typename T>
inline void filter_panel(const T* w, T* u, int64_t in, int64_t out, int64_t panel) {
  using V = Vector<T>;
  const int64_t plane = panels_of(out) * in * kPanel;
  for (int64_t c = 0; c < in; ++c) {
    for (int64_t k = 0; k < kPanel; k += V::kSize) {
      const int64_t at = panel * kPanel + k, count = std::max<int64_t>(0, out - at);
      Values<T> g[3][3], to[4][4];
#pragma GCC unroll 3
      for (int i = 0; i < 3; ++i) {
#pragma GCC unroll 3
        for (int j = 0; j < 3; ++j) g[i][j] = load_some(w + ((3 * i + j) * in + c) * out + at, count);
      }
      two_sided<3, 4>(g, to, Filter());
      for (int f = 0; f < kFrequencies; ++f) {
        V::store(u + f * plane + (panel * in + c) * kPanel + k, to[f / 4][f % 4]);
      }
    }
  }
}

// The same for the transposed convolution: outputs are the channels `in`, and the filter is turned by half a turn.
template <typename T>
inline void turned_filter_panel(const T* w, T* u, int64_t in, int64_t out, int64_t panel) {
  using V = Vector<T>;
  const int64_t plane = panels_of(in) * out * kPanel, from = panel * kPanel;
  const int64_t lanes = std::min(kPanel, in - from);
  T block[kFrequencies][kPanel][V::kSize] = {};  // lanes past the channels stay zero
  for (int64_t k = 0; k < out; k += V::kSize) {
    const int64_t count = std::min<int64_t>(V::kSize, out - k);
    for (int64_t l = 0; l < lanes; ++l) {
      Values<T> g[3][3], to[4][4];
      for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 3; ++j) g[2 - i][2 - j] = load_some(w + ((3 * i + j) * in + from + l) * out + k, count);
      }
      two_sided<3, 4>(g, to, Filter());
      for (int f = 0; f < kFrequencies; ++f) V::store(block[f][l], to[f / 4][f % 4]);
    }
    for (int f = 0; f < kFrequencies; ++f) {
      for (int64_t q = 0; q < count; ++q) {
        T* row = u + f * plane + (panel * out + k + q) * kPanel;
        for (int64_t l = 0; l < kPanel; ++l) row[l] = block[f][l][q];
      }
    }
  }
}

template <typename T>
inline void filter_gradient_panel(const T* du, T* dw, int64_t in, int64_t out, int64_t panel) {
  using V = Vector<T>;
  const int64_t plane = panels_of(out) * in * kPanel;
  for (int64_t c = 0; c < in; ++c) {
    for (int64_t k = 0; k < kPanel && panel * kPanel + k < out; k += V::kSize) {
      Values<T> u[4][4], g[3][3];
      for (int f = 0; f < kFrequencies; ++f) {
        u[f / 4][f % 4] = V::load(du + f * plane + (panel * in + c) * kPanel + k);
      }
      two_sided<4, 3>(u, g, FilterGradient());
      const int64_t at = panel * kPanel + k;
      for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 3; ++j) store_some(dw + ((3 * i + j) * in + c) * out + at, g[i][j], out - at);
      }
    }
  }
}

// Steps ahead that values are fetched: rows of tiles lie too far apart for the processor to foresee them, and panels of
// filters come from far away once per chunk.
constexpr int64_t kAhead = 16;

// kRows x 2 vectors of sums stay in registers. Factor r of a step is left[r * factor_row], and the next step's is `step`
// further on.
template <int kRows, bool kAdd, typename T>
[[gnu::always_inline]] inline void block(const T* left, int64_t factor_row, int64_t step, const T* right,
                                         int64_t right_row, T* to, int64_t to_row, int64_t steps) {
  using V = Vector<T>;
  Values<T> sum[kRows][2] = {};
  for (int64_t q = 0; q < steps; ++q, left += step, right += right_row) {
    if (kAdd) {
      __builtin_prefetch(left + kAhead * step);
    } else {
      __builtin_prefetch(right + kAhead * right_row);
      __builtin_prefetch(right + kAhead * right_row + V::kSize);
    }
    const Values<T> a = V::load(right), b = V::load(right + V::kSize);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const T factor = left[r * factor_row];
      sum[r][0] += factor * a;
      sum[r][1] += factor * b;
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    T* row = to + r * to_row;
    V::store(row, kAdd ? V::load(row) + sum[r][0] : sum[r][0]);
    V::store(row + V::kSize, kAdd ? V::load(row + V::kSize) + sum[r][1] : sum[r][1]);
  }
}

// Rows whose sums fit the registers.
constexpr int kRows = GF_VECTOR_BYTES == 64 ? 12 : 6;
static_assert(kMostRows % kRows == 0, "a chunk has full blocks of rows");

template <typename T>
inline void product_panel(const T* v, const T* u, T* m, int64_t rows, int64_t in, int64_t v_row, int64_t m_row) {
  for (int64_t k = 0; k < kPanel; k += 2 * Vector<T>::kSize) {
    for (int64_t r = 0; r < rows; r += kRows) {
      block<kRows, false>(v + r * v_row, v_row, 1, u + k, kPanel, m + r * m_row + k, m_row, in);
    }
  }
}

template <typename T>
inline void outer_panel(const T* v, const T* z, T* du, int64_t tiles, int64_t in, int64_t v_row, int64_t z_row) {
  for (int64_t k = 0; k < kPanel; k += 2 * Vector<T>::kSize) {
    int64_t c = 0;
    for (; c + kRows <= in; c += kRows) {
      block<kRows, true>(v + c, 1, v_row, z + k, z_row, du + c * kPanel + k, kPanel, tiles);
    }
    for (; c + 4 <= in; c += 4) block<4, true>(v + c, 1, v_row, z + k, z_row, du + c * kPanel + k, kPanel, tiles);
    for (; c < in; ++c) block<1, true>(v + c, 1, v_row, z + k, z_row, du + c * kPanel + k, kPanel, tiles);
  }
}

}  // namespace

#define GF_DEFINE(T)                                                                                                  \
  void winograd_filter(const T* w, T* u, int64_t in, int64_t out, bool transposed, int64_t begin, int64_t end) {      \
    for (int64_t p = begin; p < end; ++p) {                                                                           \
      transposed ? turned_filter_panel(w, u, in, out, p) : filter_panel(w, u, in, out, p);                            \
    }                                                                                                                 \
  }                                                                                                                   \
  void winograd_input(const T* x, T* v, const Tiles& tiles, int64_t channels, int64_t plane, int64_t first,           \
                      int64_t begin, int64_t end) {                                                                   \
    scatter<4>(x, v, tiles, channels, plane, first, begin, end, 1, Input());                                          \
  }                                                                                                                   \
  void winograd_output_gradient(const T* dy, T* z, const Tiles& tiles, int64_t channels, int64_t plane,               \
                                int64_t first, int64_t begin, int64_t end) {                                          \
    scatter<2>(dy, z, tiles, channels, plane, first, begin, end, 0, OutputGradient());                                \
  }                                                                                                                   \
  void winograd_output(const T* m, T* y, const Tiles& tiles, int64_t channels, int64_t plane, int64_t first,          \
                       int64_t begin, int64_t end) {                                                                  \
    gather_output(m, y, tiles, channels, plane, first, begin, end);                                                   \
  }                                                                                                                   \
  void winograd_product(const T* v, const T* u, T* m, int64_t rows, int64_t in, int64_t v_row, int64_t m_row) {       \
    product_panel(v, u, m, rows, in, v_row, m_row);                                                                   \
  }                                                                                                                   \
  void winograd_outer(const T* v, const T* z, T* du, int64_t tiles, int64_t in, int64_t v_row, int64_t z_row) {       \
    outer_panel(v, z, du, tiles, in, v_row, z_row);                                                                   \
  }                                                                                                                   \
  void winograd_filter_gradient(const T* du, T* dw, int64_t in, int64_t out, int64_t begin, int64_t end) {            \
    for (int64_t p = begin; p < end; ++p) filter_gradient_panel(du, dw, in, out, p);                                  \
  }
GF_DEFINE(float)
GF_DEFINE(double)
#undef GF_DEFINE

}  // namespace GF_ISA
}  // namespace gf
