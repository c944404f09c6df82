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

// Transformed tiles are worked on in chunks: as many as stay in the cache of a core, or where all cores share a chunk, in
// theirs. With fewer tiles than the least, reading the transformed filter takes longer than the products.
struct ChunkSize {
  int64_t bytes, least;
};
constexpr ChunkSize kOwnChunk = {1 << 20, 48}, kSharedChunk = {3 << 20, 96};

// The sums of a filter's gradient are taken over parts of the tiles at once, as long as they are small.
constexpr int64_t kMostParts = 8, kPartsBytes = 16 << 20;

constexpr int64_t kMostWorkers = 1 << 10;

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
inline int64_t chunk_of(const gf_winograd& op, ChunkSize size, int64_t item) {
  const int64_t row = row_of(op.channels_in) + row_of(op.channels_out);
  const int64_t wanted = std::max(size.least, size.bytes / (kFrequencies * row * item));
  const int64_t tiles = std::min(wanted, std::max<int64_t>(Tiles(op).count, 1));
  return (tiles + kMostRows - 1) / kMostRows * kMostRows;
}

// Values of a chunk's transformed tiles on both sides.
inline int64_t chunk_values(const gf_winograd& op, int64_t chunk) {
  return kFrequencies * chunk * (row_of(op.channels_in) + row_of(op.channels_out));
}

// Values of the transformed filter; both orders of channels and their padding fit.
inline int64_t filter_values(const gf_winograd& op) {
  return kFrequencies * (panels_of(op.channels_in) * kPanel) * (panels_of(op.channels_out) * kPanel);
}

// Parts of the tiles that the filter's gradient is summed over; 1: all cores share the steps of every chunk. It depends
// on the shape alone, so that the result does not depend on the number of threads.
inline int64_t parts_of(const gf_winograd& op, int64_t item) {
  const int64_t fitting = kPartsBytes / (filter_values(op) * item);
  return std::max<int64_t>(1, std::min({fitting, kMostParts, Tiles(op).count / kOwnChunk.least}));
}
inline ChunkSize chunk_size_of(int64_t parts) { return parts > 1 ? kOwnChunk : kSharedChunk; }

inline int64_t workspace_values(const gf_winograd& op, int64_t item) {
  const int64_t convolution = filter_values(op) + op.workers * chunk_values(op, chunk_of(op, kOwnChunk, item));
  const int64_t parts = parts_of(op, item);
  const int64_t gradient = parts * (filter_values(op) + chunk_values(op, chunk_of(op, chunk_size_of(parts), item)));
  return std::max(convolution, gradient);
}

inline int check_winograd(const gf_winograd* op, char* message) {
  if (op == nullptr) return fail(GF_INVALID, message, "the arguments are missing");
  const int64_t pixels = product(op->batch, op->height, op->width);
  if (!between(op->workers, 1, kMostWorkers)) {
    return fail(GF_INVALID, message, "workers is %lld; it must be 1 to %lld", static_cast<long long>(op->workers),
                static_cast<long long>(kMostWorkers));
  }
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
