// Tiles, sizes and checks of the 3x3 convolution by Winograd's minimal filtering, F(2x2, 3x3).
//
// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section 4.1: 2x2 outputs of a tile come
// from 4x4 inputs and a 3x3 filter by 16 products per pair of channels in place of 36,
//   Y = A' [(G g G') * (B' d B)] A,
// and summed over channels and tiles the products are 16 matrix products, one per frequency. The gradient of the filter
// has the same form: dg = G' [sum over tiles of (B' d B) * (A dY A')] G.
#pragma once

#include <algorithm>

#include "common/check.h"

namespace gf {

constexpr int64_t kFrequencies = 16;
constexpr int64_t kPanel = 32;   // columns of a product that stay together in memory
constexpr int64_t kMostRows = 12;  // tiles of one pass of the products; a chunk of tiles is a multiple of it
// Bytes of transformed tiles that are worked on at once, so that they stay in the caches.
constexpr int64_t kChunkBytes = 3 << 20;
constexpr int64_t kLeastChunk = 96;  // below this, reading the transformed filter takes longer than the products

// One row of a matrix of transformed tiles. A vector more than needed: rows a power of two apart share cache sets.
inline int64_t row_of(int64_t channels) { return (channels + kPanel - 1) / kPanel * kPanel + 16; }
inline int64_t panels_of(int64_t channels) { return (channels + kPanel - 1) / kPanel; }

struct Tiles {
  int64_t batch, height, width, down, across, count;

  explicit Tiles(const gf_winograd& op)
      : batch(op.batch),
        height(op.height),
        width(op.width),
        down((op.height + 1) / 2),
        across((op.width + 1) / 2),
        count(batch * down * across) {}
};

// Tiles of a chunk, a multiple of kMostRows.
inline int64_t chunk_of(const gf_winograd& op, int64_t item) {
  const int64_t row = row_of(op.channels_in) + row_of(op.channels_out);
  const int64_t wanted = std::max(kLeastChunk, kChunkBytes / (kFrequencies * row * item));
  const int64_t tiles = std::min(wanted, std::max<int64_t>(Tiles(op).count, 1));
  return (tiles + kMostRows - 1) / kMostRows * kMostRows;
}

// Values of the workspace: the transformed filter (or its gradient), and both sides' transformed tiles of a chunk.
inline int64_t filter_values(const gf_winograd& op) {
  // Both orders of channels and their padding fit.
  return kFrequencies * (panels_of(op.channels_in) * kPanel) * (panels_of(op.channels_out) * kPanel);
}

inline int64_t workspace_values(const gf_winograd& op, int64_t item) {
  return filter_values(op) + kFrequencies * chunk_of(op, item) * (row_of(op.channels_in) + row_of(op.channels_out));
}

inline int check_winograd(const gf_winograd* op, char* message) {
  if (op == nullptr) return fail(GF_INVALID, message, "the arguments are missing");
  const int64_t pixels = product(op->batch, op->height, op->width);
  if (!between(op->height, 0, kMaxSize) || !between(op->width, 0, kMaxSize) ||
      !between(op->channels_in, 1, kMaxWinogradChannels) || !between(op->channels_out, 1, kMaxWinogradChannels) ||
      pixels < 0 || product(pixels, op->channels_in) < 0 || product(pixels, op->channels_out) < 0) {
    return fail(GF_INVALID, message,
                "x is [%lld, %lld, %lld, %lld] with %lld output channels; sizes must not be negative or overflow",
                static_cast<long long>(op->batch), static_cast<long long>(op->height),
                static_cast<long long>(op->width), static_cast<long long>(op->channels_in),
                static_cast<long long>(op->channels_out));
  }
  return GF_OK;
}

}  // namespace gf
