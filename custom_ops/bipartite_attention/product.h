// Small dense products of the attention kernels, compiled once per instruction set.
#pragma once

#include "common/simd.h"

namespace gf {
namespace GF_ISA {

// Rows whose sums fit the registers, for blocks of one and of two vectors.
constexpr int kRowsOfOne = GF_VECTOR_BYTES == 64 ? 16 : 8;
constexpr int kRowsOfTwo = GF_VECTOR_BYTES == 64 ? 8 : 4;

// finish(r, sums) for kRows rows, where sums[v] = start(r, c_v) + sum over q of left[r * left_stride + q] *
// right[q * width + c_v] and c_v = c + v * step is the first column of a vector. Everything stays in registers.
template <int kRows, int kVectors, typename T, typename Start, typename Finish>
[[gnu::always_inline]] inline void product_block(const T* left, int64_t left_stride, const T* right, int64_t count,
                                                 int64_t width, int64_t c, int64_t step, Start start, Finish finish) {
  using V = Vector<T>;
  typename V::Type sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[r][v] = start(r, c + v * step);
  }
  for (int64_t q = 0; q < count; ++q) {
    typename V::Type factor[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) factor[v] = V::load(right + q * width + c + v * step);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const T scalar = left[r * left_stride + q];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[r][v] += scalar * factor[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) finish(r, sum[r]);
}

// The same for any number of rows: as many at once as the registers hold.
template <int kRows, int kVectors, typename T, typename Start, typename Finish>
[[gnu::always_inline]] inline void product_rows(const T* left, int64_t left_stride, const T* right, int64_t count,
                                                int64_t width, int64_t c, int64_t step, Start start, Finish finish) {
  constexpr int kMost = kVectors == 1 ? kRowsOfOne : kRowsOfTwo;
  constexpr int kAtOnce = kRows < kMost ? kRows : kMost;
  static_assert(kRows % kAtOnce == 0, "rows come in full blocks");
  for (int row = 0; row < kRows; row += kAtOnce) {
    product_block<kAtOnce, kVectors>(
        left + row * left_stride, left_stride, right, count, width, c, step,
        [&](int r, int64_t column) { return start(row + r, column); },
        [&](int r, const auto& sums) { finish(row + r, sums); });
  }
}

// to[r * width + c] = start + sum over q of left[r * left_stride + q] * right[q * width + c], for kRows rows.
// Row r starts from start[r * start_stride + c] (null: from 0). `width` need not be a multiple of the vector.
template <int kRows, typename T>
inline void product(T* to, const T* left, int64_t left_stride, const T* right, int64_t count, int64_t width,
                    const T* start, int64_t start_stride = 0) {
  using V = Vector<T>;
  const auto first = [&](int r, int64_t column) {
    return start != nullptr ? V::load(start + r * start_stride + column) : V::fill(0);
  };
  int64_t c = 0;
  for (; c + 2 * V::kSize <= width; c += 2 * V::kSize) {
    product_rows<kRows, 2>(left, left_stride, right, count, width, c, V::kSize, first, [&](int r, const auto& sums) {
      V::store(to + r * width + c, sums[0]);
      V::store(to + r * width + c + V::kSize, sums[1]);
    });
  }
  for (; c + V::kSize <= width; c += V::kSize) {
    product_rows<kRows, 1>(left, left_stride, right, count, width, c, V::kSize, first,
                           [&](int r, const auto& sums) { V::store(to + r * width + c, sums[0]); });
  }
  for (; c < width; ++c) {
    for (int r = 0; r < kRows; ++r) {
      T sum = start != nullptr ? start[r * start_stride + c] : T(0);
      for (int64_t q = 0; q < count; ++q) sum += left[r * left_stride + q] * right[q * width + c];
      to[r * width + c] = sum;
    }
  }
}

// sums[j * width + c] += sum over i < count of factors[i * factor_stride + j] * rows[i * width + c], for kCount j.
template <int kCount, typename T>
inline void gather_block(T* sums, const T* factors, int64_t factor_stride, const T* rows, int64_t count,
                         int64_t width) {
  using V = Vector<T>;
  int64_t c = 0;
  for (; c + V::kSize <= width; c += V::kSize) {
    typename V::Type sum[kCount];
    for (int j = 0; j < kCount; ++j) sum[j] = V::load(sums + j * width + c);
    for (int64_t i = 0; i < count; ++i) {
      const typename V::Type value = V::load(rows + i * width + c);
      for (int j = 0; j < kCount; ++j) sum[j] += factors[i * factor_stride + j] * value;
    }
    for (int j = 0; j < kCount; ++j) V::store(sums + j * width + c, sum[j]);
  }
  for (; c < width; ++c) {
    for (int j = 0; j < kCount; ++j) {
      T sum = sums[j * width + c];
      for (int64_t i = 0; i < count; ++i) sum += factors[i * factor_stride + j] * rows[i * width + c];
      sums[j * width + c] = sum;
    }
  }
}

// The transposed product, added to `sums` [columns, width]: factors [count, columns], rows [count, width].
template <typename T>
inline void gather(T* sums, const T* factors, int64_t factor_stride, int64_t columns, const T* rows, int64_t count,
                   int64_t width) {
  int64_t j = 0;
  for (; j + 16 <= columns; j += 16) {
    gather_block<16>(sums + j * width, factors + j, factor_stride, rows, count, width);
  }
  for (; j + 4 <= columns; j += 4) {
    gather_block<4>(sums + j * width, factors + j, factor_stride, rows, count, width);
  }
  for (; j < columns; ++j) gather_block<1>(sums + j * width, factors + j, factor_stride, rows, count, width);
}

}  // namespace GF_ISA
}  // namespace gf
