// Argument checks of the C interface: every size is bounded before it is multiplied.
#pragma once

#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <initializer_list>

#include "gansformer_ops.h"

namespace gf {

// Limits of the kernels. A dimension fits 31 bits with room for offsets; a whole array fits 62 bits in bytes.
constexpr int64_t kMaxSize = int64_t{1} << 24;
constexpr int64_t kMaxBatch = int64_t{1} << 31;
constexpr int64_t kMaxElements = int64_t{1} << 58;
constexpr int64_t kMaxFactor = 1 << 10;
constexpr int64_t kMaxPadding = 1 << 20;
constexpr int64_t kMaxTaps = 1 << 10;
constexpr int64_t kMaxWinogradChannels = 1 << 20;

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
inline int fail(int code, char* message, const char* format, ...) {
  if (message != nullptr) {
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(message, GF_MESSAGE_SIZE, format, arguments);
    va_end(arguments);
  }
  return code;
}

// Product of sizes, or -1 where a size is negative or the product exceeds kMaxElements.
template <typename... Sizes>
int64_t product(Sizes... sizes) {
  int64_t total = 1;
  bool empty = false, bad = false;
  for (int64_t size : {static_cast<int64_t>(sizes)...}) {
    if (size < 0) bad = true;
    if (size == 0) {
      empty = true;
    } else if (!bad && total > kMaxElements / size) {
      bad = true;
    } else if (!bad) {
      total *= size;
    }
  }
  if (bad) return -1;
  return empty ? 0 : total;
}

inline bool between(int64_t value, int64_t low, int64_t high) { return value >= low && value <= high; }

inline bool all_finite(const float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) return false;
  }
  return true;
}

}  // namespace gf
