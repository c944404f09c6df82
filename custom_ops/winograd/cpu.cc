// C entry points of the Winograd convolution and of its filter's gradient.
//
// Sums run in the same order for any number of threads. Nothing here allocates memory, so nothing can fail on the way.
#include <atomic>

#include "common/parallel.h"
#include "winograd/rows.h"

namespace gf {
namespace {

constexpr int64_t kTilesAtOnce = 8;  // of a transform, per unit of work

int64_t nanoseconds(int64_t multiplications) { return 1 + multiplications / 20; }

// `transform(begin, end)` for the tiles of a chunk.
template <typename Transform>
void for_tiles(const gf_pool* pool, int64_t tiles, int64_t channels, const Transform& transform) {
  const int64_t units = (tiles + kTilesAtOnce - 1) / kTilesAtOnce;
  parallel_for(pool, units, nanoseconds(kTilesAtOnce * kFrequencies * channels), [&](int64_t from, int64_t to) {
    transform(from * kTilesAtOnce, std::min(to * kTilesAtOnce, tiles));
  });
}

// `multiply(frequency, panel)` for every pair.
template <typename Multiply>
void for_products(const gf_pool* pool, int64_t panels, int64_t multiplications, const Multiply& multiply) {
  parallel_for(pool, kFrequencies * panels, nanoseconds(multiplications), [&](int64_t from, int64_t to) {
    for (int64_t unit = from; unit < to; ++unit) multiply(unit / panels, unit % panels);
  });
}

// Every worker takes chunks of tiles through all steps, in its own part of the workspace.
template <typename T>
int convolve(const gf_winograd& op, const void* x, const void* w, void* y, void* workspace, const gf_pool* pool) {
  const bool transposed = op.transposed != 0;
  const int64_t in = transposed ? op.channels_out : op.channels_in;
  const int64_t out = transposed ? op.channels_in : op.channels_out;
  const Tiles tiles(op);
  const int64_t chunk = chunk_of(op, kOwnChunk, sizeof(T)), panels = panels_of(out);
  const int64_t chunks = (tiles.count + chunk - 1) / chunk;
  const int64_t v_plane = chunk * row_of(in), m_plane = chunk * row_of(out);
  T* u = static_cast<T*>(workspace);
  parallel_for(pool, panels, nanoseconds(kFrequencies * in * kPanel), [&](int64_t from, int64_t to) {
    GF_DISPATCH(winograd_filter, static_cast<const T*>(w), u, op.channels_in, op.channels_out, transposed, from, to);
  });
  std::atomic<int64_t> next{0};
  const auto work = [&](T* v) {
    T* m = v + kFrequencies * v_plane;
    for (int64_t number; (number = next.fetch_add(1)) < chunks;) {
      const int64_t first = number * chunk, left = std::min(chunk, tiles.count - first);
      const int64_t rows = (left + kMostRows - 1) / kMostRows * kMostRows;
      GF_DISPATCH(winograd_input, static_cast<const T*>(x), v, tiles, in, v_plane, first, 0, rows);
      for (int64_t f = 0; f < kFrequencies; ++f) {
        for (int64_t p = 0; p < panels; ++p) {
          GF_DISPATCH(winograd_product, v + f * v_plane, u + (f * panels + p) * in * kPanel,
                      m + f * m_plane + p * kPanel, rows, in, row_of(in), row_of(out));
        }
      }
      GF_DISPATCH(winograd_output, m, static_cast<T*>(y), tiles, out, m_plane, first, 0, left);
    }
  };
  const int64_t workers = std::min<int64_t>(op.workers, chunks);
  const int64_t cost = nanoseconds((chunks + workers - 1) / workers * chunk * kFrequencies * in * out);
  return parallel_for(pool, workers, cost, [&](int64_t from, int64_t to) {
    for (int64_t worker = from; worker < to; ++worker) work(u + filter_values(op) + worker * chunk_values(op, chunk));
  });
}

template <typename T>
int filter_gradient(const gf_winograd& op, const void* x, const void* dy, void* dw, void* workspace,
                    const gf_pool* pool) {
  const int64_t in = op.channels_in, out = op.channels_out;
  const Tiles tiles(op);
  const int64_t parts = parts_of(op, sizeof(T)), panels = panels_of(out);
  const int64_t chunk = chunk_of(op, chunk_size_of(parts), sizeof(T));
  const int64_t v_plane = chunk * row_of(in), z_plane = chunk * row_of(out);
  const int64_t chunks = (tiles.count + chunk - 1) / chunk, sums = kFrequencies * panels * in * kPanel;
  T* const total = static_cast<T*>(workspace);
  // Either the parts run at once, or the steps of the only one do.
  const gf_pool *outer = parts > 1 ? pool : nullptr, *inner = parts > 1 ? nullptr : pool;

  const auto part_of = [&](int64_t part) {
    T* const du = total + part * sums;
    T* const v = total + parts * sums + part * chunk_values(op, chunk);
    T* const z = v + kFrequencies * v_plane;
    std::fill(du, du + sums, T(0));
    for (int64_t number = part * chunks / parts; number < (part + 1) * chunks / parts; ++number) {
      const int64_t first = number * chunk, left = std::min(chunk, tiles.count - first);
      for_tiles(inner, left, in + out, [&](int64_t from, int64_t to) {
        GF_DISPATCH(winograd_input, static_cast<const T*>(x), v, tiles, in, v_plane, first, from, to);
        GF_DISPATCH(winograd_output_gradient, static_cast<const T*>(dy), z, tiles, out, z_plane, first, from, to);
      });
      for_products(inner, panels, left * in * kPanel, [&](int64_t f, int64_t p) {
        GF_DISPATCH(winograd_outer, v + f * v_plane, z + f * z_plane + p * kPanel, du + (f * panels + p) * in * kPanel,
                    left, in, row_of(in), row_of(out));
      });
    }
  };
  parallel_for(outer, parts, nanoseconds(tiles.count / parts * kFrequencies * in * out), [&](int64_t from, int64_t to) {
    for (int64_t part = from; part < to; ++part) part_of(part);
  });
  parallel_for(pool, kFrequencies, nanoseconds(parts * panels * in * kPanel), [&](int64_t from, int64_t to) {
    const int64_t begin = from * panels * in * kPanel, end = to * panels * in * kPanel;
    for (int64_t part = 1; part < parts; ++part) {
      const T* const du = total + part * sums;
      for (int64_t i = begin; i < end; ++i) total[i] += du[i];
    }
  });
  return parallel_for(pool, panels, nanoseconds(kFrequencies * in * kPanel), [&](int64_t from, int64_t to) {
    GF_DISPATCH(winograd_filter_gradient, total, static_cast<T*>(dw), in, out, from, to);
  });
}

template <typename Float, typename Double>
int by_type(int dtype, char* message, const Float& in_float, const Double& in_double) {
  switch (dtype) {
    case GF_FLOAT32: return in_float();
    case GF_FLOAT64: return in_double();
    default: return fail(GF_UNSUPPORTED, message, "the CPU kernel takes float32 and float64, not type %d", dtype);
  }
}

}  // namespace
}  // namespace gf

extern "C" {

int64_t gf_winograd_workspace(const gf_winograd* op, int dtype) {
  if (gf::check_winograd(op, nullptr) != GF_OK) return -1;
  return gf::workspace_values(*op, dtype == GF_FLOAT64 ? sizeof(double) : sizeof(float));
}

int gf_winograd_cpu(const gf_winograd* op, int dtype, const void* x, const void* w, void* y, void* workspace,
                    const gf_pool* pool, char* message) {
  const int code = gf::check_winograd(op, message);
  if (code != GF_OK || gf::Tiles(*op).count == 0) return code;
  if (x == nullptr || w == nullptr || y == nullptr || workspace == nullptr) {
    return gf::fail(GF_INVALID, message, "an input, the output or the workspace is missing");
  }
  return gf::by_type(
      dtype, message, [&] { return gf::convolve<float>(*op, x, w, y, workspace, pool); },
      [&] { return gf::convolve<double>(*op, x, w, y, workspace, pool); });
}

int gf_winograd_filter_cpu(const gf_winograd* op, int dtype, const void* x, const void* dy, void* dw, void* workspace,
                           const gf_pool* pool, char* message) {
  const int code = gf::check_winograd(op, message);
  if (code != GF_OK) return code;
  const bool empty = gf::Tiles(*op).count == 0;
  if (dw == nullptr || workspace == nullptr || (!empty && (x == nullptr || dy == nullptr))) {
    return gf::fail(GF_INVALID, message, "an input, the output or the workspace is missing");
  }
  return gf::by_type(
      dtype, message, [&] { return gf::filter_gradient<float>(*op, x, dy, dw, workspace, pool); },
      [&] { return gf::filter_gradient<double>(*op, x, dy, dw, workspace, pool); });
}

}  // extern "C"
