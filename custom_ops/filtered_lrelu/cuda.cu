// filtered_lrelu in CUDA: a block makes one tile of the output for a slice of the channels; the fine grid exists in
// shared memory only.
#include <algorithm>

#include "common/cuda_axis.h"
#include "filtered_lrelu/geometry.h"

namespace gf {
namespace {

constexpr int kThreads = 256;
// 48 KB, which every GPU grants without asking.
constexpr int64_t kSharedFloats = 12288;
constexpr int kTiles[] = {16, 12, 8, 6, 4, 2, 1};
constexpr int kSlices[] = {8, 4, 2, 1};

// One filter: its axes, and where its taps are among all taps.
struct Filter {
  DeviceAxis vertical, horizontal;
  int separable, taps;
};

struct Params {
  Filter gate, other, last;
  int mode, channels, slice, tile_h, tile_w, taps;
  float positive, negative, clamp;
  // Sizes of the shared buffers in floats.
  int input, column, fine;
  DeviceTaps values;
};

// Fine rows (or columns) of a tile, and input rows that `axis` reads for them.
__host__ __device__ inline int fine_size(const DeviceAxis& last, int tile) { return (tile - 1) * last.down + last.taps; }
__host__ __device__ inline int input_size(const DeviceAxis& up, int fine) { return (fine + up.taps - 2) / up.up + 2; }

__host__ __device__ inline int floor_div(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// sum over taps of tap * line[index * stride], for fine sample m of an axis whose line starts at input `origin`.
__device__ inline float along(const DeviceAxis& axis, const float* taps, const float* line, int origin, int stride, int m) {
  int phase, first, count;
  axis.range(m, &phase, &first, &count);
  float sum = 0.0f;
  for (int q = 0; q < count; ++q) sum += taps[phase + q * axis.up] * line[(first + q - origin) * stride];
  return sum;
}

template <typename T>
struct Tile {
  const Params& p;
  const float* taps;
  float *input, *column, *fine;
  int fine_y, fine_x, fine_h, fine_w;  // of the tile, in the fine grid; may leave it
  int channel, slice;

  // Fills `fine` from x (+ bias) through `filter`; `gates` multiplies the slope at what is in `fine` instead.
  __device__ void upsample(const Filter& filter, const T* x, const T* bias, bool activates, bool gates) {
    const DeviceAxis &v = filter.vertical, &h = filter.horizontal;
    const int y0 = floor_div(fine_y - v.before, v.up), x0 = floor_div(fine_x - h.before, h.up);
    const int rows = input_size(v, fine_h), columns = input_size(h, fine_w);
    for (int i = threadIdx.x; i < rows * columns * slice; i += kThreads) {
      const int c = i % slice, at_x = x0 + i / slice % columns, at_y = y0 + i / (slice * columns);
      const bool inside = at_x >= 0 && at_x < h.in && at_y >= 0 && at_y < v.in && channel + c < p.channels;
      float value = 0.0f;
      if (inside) {
        value = to_float(x[(static_cast<int64_t>(at_y) * h.in + at_x) * p.channels + channel + c]);
        if (bias != nullptr) value += to_float(bias[channel + c]);
      }
      input[i] = value;
    }
    __syncthreads();
    const float* own = taps + filter.taps;
    if (filter.separable) {
      for (int i = threadIdx.x; i < fine_h * columns * slice; i += kThreads) {
        const int rest = i % (columns * slice), m = fine_y + i / (columns * slice);
        const bool inside = m >= 0 && m < v.out;
        column[i] = inside ? along(v, own, input + rest, y0, columns * slice, m) : 0.0f;
      }
      __syncthreads();
    }
    for (int i = threadIdx.x; i < fine_h * fine_w * slice; i += kThreads) {
      const int c = i % slice, n = fine_x + i / slice % fine_w, m = fine_y + i / (slice * fine_w);
      float sum = 0.0f;
      if (m >= 0 && m < v.out && n >= 0 && n < h.out) {
        if (filter.separable) {
          sum = along(h, own + v.taps, column + (m - fine_y) * columns * slice + c, x0, slice, n);
        } else {
          int phase, first, count;
          v.range(m, &phase, &first, &count);
          for (int q = 0; q < count; ++q) {
            sum += along(h, own + (phase + q * v.up) * h.taps, input + (first + q - y0) * columns * slice + c, x0,
                         slice, n);
          }
        }
      }
      if (activates) {
        sum *= sum > 0.0f ? p.positive : p.negative;
        if (p.clamp >= 0.0f) sum = sum > p.clamp ? p.clamp : (sum < -p.clamp ? -p.clamp : sum);
      }
      if (gates) {
        const float there = fine[i], slope = there > 0.0f ? p.positive : p.negative, z = there * slope;
        sum = p.clamp >= 0.0f && (z > p.clamp || z < -p.clamp) ? 0.0f : sum * slope;
      }
      fine[i] = sum;
    }
    __syncthreads();
  }

  // Writes the tile of the output from `fine`, whose samples outside the fine grid are 0.
  __device__ void downsample(T* y, int first_y, int first_x) {
    const DeviceAxis &v = p.last.vertical, &h = p.last.horizontal;
    const float* own = taps + p.last.taps;
    const int width = p.tile_w;
    if (p.last.separable) {
      for (int i = threadIdx.x; i < fine_h * width * slice; i += kThreads) {
        const int c = i % slice, n = i / slice % width, m = i / (slice * width);
        float sum = 0.0f;
        for (int q = 0; q < h.taps; ++q) sum += own[v.taps + q] * fine[(m * fine_w + n * h.down + q) * slice + c];
        column[i] = sum;
      }
      __syncthreads();
    }
    for (int i = threadIdx.x; i < p.tile_h * width * slice; i += kThreads) {
      const int c = i % slice, n = i / slice % width, m = i / (slice * width);
      if (first_y + m >= v.out || first_x + n >= h.out || channel + c >= p.channels) continue;
      float sum = 0.0f;
      for (int q = 0; q < v.taps; ++q) {
        if (p.last.separable) {
          sum += own[q] * column[((m * v.down + q) * width + n) * slice + c];
        } else {
          const float* line = fine + ((m * v.down + q) * fine_w + n * h.down) * slice + c;
          for (int r = 0; r < h.taps; ++r) sum += own[q * h.taps + r] * line[r * slice];
        }
      }
      y[(static_cast<int64_t>(first_y + m) * h.out + first_x + n) * p.channels + channel + c] = from_float<T>(sum);
    }
  }
};

template <typename T>
__global__ void __launch_bounds__(kThreads)
    filtered_lrelu_kernel(const Params p, int64_t tiles_y, int64_t slices, int64_t batch, const T* __restrict__ x,
                          const T* __restrict__ bias, const T* __restrict__ other, T* __restrict__ y) {
  GF_DYNAMIC_SHARED(shared);
  float* taps = shared;
  for (int i = threadIdx.x; i < p.taps; i += kThreads) taps[i] = p.values.values[i];
  __syncthreads();
  const int64_t units = tiles_y * slices * batch;
  for (int64_t unit = blockIdx.y; unit < units; unit += gridDim.y) {
    const int64_t picture = unit / (tiles_y * slices), rest = unit - picture * tiles_y * slices;
    const int slice_number = static_cast<int>(rest / tiles_y);
    const int first_y = static_cast<int>(rest % tiles_y) * p.tile_h, first_x = blockIdx.x * p.tile_w;
    const DeviceAxis &v = p.last.vertical, &h = p.last.horizontal;
    float* buffers = taps + p.taps;
    Tile<T> tile = {p,
                    taps,
                    buffers,
                    buffers + p.input,
                    buffers + p.input + p.column,
                    first_y * v.down - v.before,
                    first_x * h.down - h.before,
                    fine_size(v, p.tile_h),
                    fine_size(h, p.tile_w),
                    slice_number * p.slice,
                    p.slice};
    const int64_t of_x = static_cast<int64_t>(p.gate.vertical.in) * p.gate.horizontal.in * p.channels;
    tile.upsample(p.gate, x + picture * of_x, bias, p.mode == 0, false);
    if (p.mode != 0) {
      const int64_t of_other = static_cast<int64_t>(p.other.vertical.in) * p.other.horizontal.in * p.channels;
      tile.upsample(p.other, other + picture * of_other, nullptr, false, true);
    }
    tile.downsample(y + picture * v.out * h.out * p.channels, first_y, first_x);
    __syncthreads();  // the next tile overwrites the buffers
  }
}

Filter make_filter(const Geometry2d& g, bool separable, int taps) {
  return {device_axis(g.vertical), device_axis(g.horizontal), separable ? 1 : 0, taps};
}

int64_t tap_count(const DeviceAxis& v, const DeviceAxis& h, int separable) {
  return separable ? v.taps + h.taps : static_cast<int64_t>(v.taps) * h.taps;
}

// Appends a kernel to the taps, turned by half a turn if `reverse`.
int append(DeviceTaps* all, int at, const float* kernel, int rows, int columns, bool separable, bool reverse) {
  float* to = all->values + at;
  if (separable) {
    std::copy(kernel, kernel + rows + columns, to);
    if (reverse) {
      std::reverse(to, to + rows);
      std::reverse(to + rows, to + rows + columns);
    }
    return at + rows + columns;
  }
  std::copy(kernel, kernel + rows * columns, to);
  if (reverse) std::reverse(to, to + rows * columns);
  return at + rows * columns;
}

// The largest tile whose buffers fit; false if not even one sample does.
bool choose_tile(Params* p) {
  const DeviceAxis &lv = p->last.vertical, &lh = p->last.horizontal;
  for (const bool small : {false, true}) {
    for (const int slice : kSlices) {
      for (const int tile : kTiles) {
        if ((tile < 4) != small) continue;
        const int64_t h = fine_size(lv, tile), w = fine_size(lh, tile);
        if (h * w > kSharedFloats) continue;
        int64_t input = 0, column = h * tile;
        for (const Filter* filter : {&p->gate, &p->other}) {
          const int64_t rows = input_size(filter->vertical, static_cast<int>(h));
          const int64_t columns = input_size(filter->horizontal, static_cast<int>(w));
          input = std::max(input, rows * columns);
          column = std::max(column, h * columns);
        }
        if ((input + column + h * w) * slice + p->taps > kSharedFloats) continue;
        p->slice = slice;
        p->tile_h = p->tile_w = tile;
        p->input = static_cast<int>(input * slice);
        p->column = static_cast<int>(column * slice);
        p->fine = static_cast<int>(h * w * slice);
        return true;
      }
    }
  }
  return false;
}

}  // namespace
}  // namespace gf

extern "C" int gf_filtered_lrelu_cuda(const gf_filtered_lrelu* op, int dtype, const void* x, const void* bias,
                                      const void* other, void* y, void* stream, char* message) {
  gf::FilteredLreluGeometry geometry;
  const int code = gf::check_filtered_lrelu(op, &geometry, message);
  if (code != GF_OK) return code;
  if (op->up.batch == 0 || op->up.channels == 0) return GF_OK;
  if (x == nullptr || y == nullptr || (op->mode != 0 && other == nullptr)) {
    return gf::fail(GF_INVALID, message, "x, y or the second input is missing");
  }
  const bool up_separable = op->up.separable != 0, down_separable = op->separable != 0;
  gf::Params p = {};
  p.mode = op->mode;
  p.channels = static_cast<int>(op->up.channels);
  p.positive = static_cast<float>(op->gain);
  p.negative = static_cast<float>(op->gain * op->slope);
  p.clamp = static_cast<float>(op->clamp);
  p.gate = gf::make_filter(geometry.up, up_separable, 0);
  const gf::Filter down = gf::make_filter(geometry.down, down_separable, 0);
  const int64_t up_taps = gf::tap_count(p.gate.vertical, p.gate.horizontal, up_separable);
  const int64_t down_taps = gf::tap_count(down.vertical, down.horizontal, down_separable);
  const int64_t all = (op->mode == 2 ? 2 : 1) * up_taps + down_taps;
  if (all > gf::kMaxCudaTaps) {
    return gf::fail(GF_UNSUPPORTED, message, "the kernels have %lld taps; the CUDA kernel takes at most %d",
                    static_cast<long long>(all), gf::kMaxCudaTaps);
  }
  int at = gf::append(&p.values, 0, op->up.kernel, p.gate.vertical.taps, p.gate.horizontal.taps, up_separable, false);
  p.other = p.gate;
  const bool transposed = op->mode == 2;
  const gf::Geometry2d second = transposed ? gf::transposed(geometry.down) : geometry.down;
  (transposed ? p.other : p.last) = gf::make_filter(second, down_separable, at);
  at = gf::append(&p.values, at, op->kernel, down.vertical.taps, down.horizontal.taps, down_separable, transposed);
  if (transposed) {
    p.last = gf::make_filter(gf::transposed(geometry.up), up_separable, at);
    at = gf::append(&p.values, at, op->up.kernel, p.gate.vertical.taps, p.gate.horizontal.taps, up_separable, true);
  }
  p.taps = at;
  if (!gf::choose_tile(&p)) {
    return gf::fail(GF_UNSUPPORTED, message, "the filters are too long for the shared memory of the CUDA kernel");
  }
  const int64_t tiles_x = gf::blocks_for(p.last.horizontal.out, p.tile_w);
  const int64_t tiles_y = gf::blocks_for(p.last.vertical.out, p.tile_h);
  const int64_t slices = gf::blocks_for(p.channels, p.slice);
  const int64_t units = tiles_y * slices * op->up.batch;
  const dim3 grid(static_cast<unsigned>(tiles_x), static_cast<unsigned>(std::min(units, gf::kMaxGridYZ)));
  const size_t shared = (p.taps + p.input + p.column + p.fine) * sizeof(float);
  GF_CUDA_TYPES(dtype, message, {
    auto function = gf::filtered_lrelu_kernel<T>;
    GF_LAUNCH(function, grid, dim3(gf::kThreads), shared, stream, p, tiles_y, slices, op->up.batch,
              static_cast<const T*>(x), static_cast<const T*>(bias), static_cast<const T*>(other), static_cast<T*>(y));
  });
  return gf::launched(message);
}
