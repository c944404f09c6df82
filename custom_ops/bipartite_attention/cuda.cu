// Bipartite attention in CUDA: scores, softmax, values and integration of a block of tokens in one kernel.
#include <algorithm>

#include "bipartite_attention/geometry.h"
#include "common/cuda.h"

namespace gf {
namespace {

constexpr int kThreads = 128;
// A thread owns two tokens, so that every weight it reads from shared memory serves twice.
constexpr int kOwned = 2;
constexpr int kTokens = kThreads * kOwned;
// Channels that pass through shared memory at a time; an odd row length keeps the banks apart.
constexpr int kChunk = 32;
constexpr int kRow = kChunk + 1;
constexpr int kPart = 16;
constexpr int kMaxCudaComponents = 32;
constexpr int kWide = 4;

template <typename T>
struct Params {
  int tokens, channels, heads, components, channels_out, width, integration;
  bool wide;  // rows can be read and written kWide values at a time
  int64_t weight_picture, bias_picture, bias_head, bias_token, value_picture;
  int64_t scale_picture, scale_head, scale_token, scale_component;
  const T *x, *weight, *bias, *value, *output_bias, *scale, *target;
  T *output, *softmax;
};

// Rows [0, count) of `from`, `chunk` values each, to or from the tile; kWidth values at a time.
template <int kWidth, typename T>
__device__ inline void read_tile(float* tile, const T* from, int count, int chunk, int64_t row) {
  const int packs = chunk / kWidth;
  for (int i = threadIdx.x; i < count * packs; i += kThreads) {
    const int token = i / packs, c = i % packs * kWidth;
    const Pack<T, kWidth> pack = Pack<T, kWidth>::load(from + token * row + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) tile[token * kRow + c + k] = pack.v[k];
  }
}

// The control in the tile, integrated into the target, to the output; `adds` adds it to the output instead.
template <int kWidth, typename T>
__device__ inline void write_tile(const float* tile, T* to, const T* target, int count, int chunk, int64_t row,
                                  int integration, bool adds) {
  const int packs = chunk / kWidth;
  for (int i = threadIdx.x; i < count * packs; i += kThreads) {
    const int token = i / packs, c = i % packs * kWidth;
    const int64_t at = token * row + c;
    Pack<T, kWidth> control;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) control.v[k] = tile[token * kRow + c + k];
    if (adds) {
      control.add(1.0f, Pack<T, kWidth>::load(to + at));
    } else if (integration != GF_CONTROL) {
      const Pack<T, kWidth> there = Pack<T, kWidth>::load(target + at);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        control.v[k] = integration == GF_ADD ? there.v[k] + control.v[k] : there.v[k] * (1.0f + control.v[k]);
      }
    }
    control.store(to + at);
  }
}

// Softmax over the components of one head for the thread's tokens; leaves the scaled probabilities in `p`.
template <typename T, int kComponents>
__device__ inline void finish_scores(const Params<T>& a, int64_t picture, int head, int token, float (&p)[kComponents]) {
  const T* bias = a.bias == nullptr ? nullptr
                                    : a.bias + picture * a.bias_picture + head * a.bias_head + token * a.bias_token;
  float best = -INFINITY;
  bool broken = false;
#pragma unroll
  for (int j = 0; j < kComponents; ++j) {
    if (j < a.components) {
      if (bias != nullptr) p[j] += to_float(bias[j]);
      best = p[j] > best ? p[j] : best;
      broken = broken || p[j] != p[j];
    }
  }
  float total = broken ? NAN : 0.0f;
#pragma unroll
  for (int j = 0; j < kComponents; ++j) {
    p[j] = j < a.components ? expf(p[j] - best) : 0.0f;
    total += p[j];
  }
  const float inverse = 1.0f / total;
  T* softmax = a.softmax + ((picture * a.heads + head) * a.tokens + token) * a.components;
  const T* scale = a.scale == nullptr ? nullptr
                                      : a.scale + picture * a.scale_picture + head * a.scale_head + token * a.scale_token;
#pragma unroll
  for (int j = 0; j < kComponents; ++j) {
    if (j < a.components) {
      p[j] *= inverse;
      softmax[j] = from_float<T>(p[j]);
      if (scale != nullptr) p[j] *= to_float(scale[j * a.scale_component]);
    }
  }
}

// The scaled probabilities of another head, from memory.
template <typename T, int kComponents>
__device__ inline void read_probabilities(const Params<T>& a, int64_t picture, int head, int token,
                                          float (&p)[kComponents]) {
  const T* softmax = a.softmax + ((picture * a.heads + head) * a.tokens + token) * a.components;
  const T* scale = a.scale == nullptr ? nullptr
                                      : a.scale + picture * a.scale_picture + head * a.scale_head + token * a.scale_token;
#pragma unroll
  for (int j = 0; j < kComponents; ++j) {
    p[j] = j < a.components ? to_float(softmax[j]) : 0.0f;
    if (j < a.components && scale != nullptr) p[j] *= to_float(scale[j * a.scale_component]);
  }
}

template <typename T, int kComponents>
__global__ void __launch_bounds__(kThreads) attention_kernel(const Params<T> a) {
  __shared__ float tile[kTokens * kRow];
  __shared__ float small[kChunk * kMaxCudaComponents];
  const int64_t picture = blockIdx.y;
  const int first = blockIdx.x * kTokens, count = a.tokens - first < kTokens ? a.tokens - first : kTokens;
  const T* x = a.x + (picture * a.tokens + first) * a.channels;
  float p[kOwned][kComponents];

  for (int head = 0; head < a.heads; ++head) {
    const T* weight = a.weight + picture * a.weight_picture + static_cast<int64_t>(head) * a.channels * a.components;
#pragma unroll
    for (int o = 0; o < kOwned; ++o) {
#pragma unroll
      for (int j = 0; j < kComponents; ++j) p[o][j] = 0.0f;
    }
    for (int from = 0; from < a.channels; from += kChunk) {
      const int chunk = a.channels - from < kChunk ? a.channels - from : kChunk;
      if (a.wide) {
        read_tile<kWide>(tile, x + from, count, chunk, a.channels);
      } else {
        read_tile<1>(tile, x + from, count, chunk, a.channels);
      }
      for (int i = threadIdx.x; i < chunk * kComponents; i += kThreads) {
        const int c = i / kComponents, j = i % kComponents;
        small[i] = j < a.components ? to_float(weight[static_cast<int64_t>(from + c) * a.components + j]) : 0.0f;
      }
      __syncthreads();
#pragma unroll 4
      for (int c = 0; c < chunk; ++c) {
#pragma unroll
        for (int o = 0; o < kOwned; ++o) {
          const int token = threadIdx.x + o * kThreads;
          const float value = token < count ? tile[token * kRow + c] : 0.0f;
#pragma unroll
          for (int j = 0; j < kComponents; ++j) p[o][j] += value * small[c * kComponents + j];
        }
      }
      __syncthreads();
    }
#pragma unroll
    for (int o = 0; o < kOwned; ++o) {
      const int token = threadIdx.x + o * kThreads;
      if (token < count) finish_scores<T, kComponents>(a, picture, head, first + token, p[o]);
    }
  }

  // The output, kChunk channels at a time. With "both" a second round adds the second half of the control.
  const int rounds = a.integration == GF_BOTH ? 2 : 1;
  for (int round = 0; round < rounds; ++round) {
    for (int from = 0; from < a.width; from += kChunk) {
      const int chunk = a.width - from < kChunk ? a.width - from : kChunk, column = round * a.width + from;
      for (int part = 0; part < chunk; part += kPart) {
        float sum[kOwned][kPart];
#pragma unroll
        for (int o = 0; o < kOwned; ++o) {
#pragma unroll
          for (int c = 0; c < kPart; ++c) {
            const bool used = a.output_bias != nullptr && part + c < chunk;
            sum[o][c] = used ? to_float(a.output_bias[column + part + c]) : 0.0f;
          }
        }
        for (int head = 0; head < a.heads; ++head) {
          const T* value = a.value + picture * a.value_picture +
                           static_cast<int64_t>(head) * a.components * a.channels_out + column + part;
          __syncthreads();
          for (int i = threadIdx.x; i < kComponents * kPart; i += kThreads) {
            const int j = i / kPart, c = i % kPart;
            const bool used = j < a.components && part + c < chunk;
            small[i] = used ? to_float(value[static_cast<int64_t>(j) * a.channels_out + c]) : 0.0f;
          }
          __syncthreads();
#pragma unroll
          for (int o = 0; o < kOwned; ++o) {
            const int token = threadIdx.x + o * kThreads;
            if (a.heads > 1 && token < count) {
              read_probabilities<T, kComponents>(a, picture, head, first + token, p[o]);
            }
          }
#pragma unroll
          for (int j = 0; j < kComponents; ++j) {
#pragma unroll
            for (int c = 0; c < kPart; ++c) {
              const float factor = small[j * kPart + c];
#pragma unroll
              for (int o = 0; o < kOwned; ++o) sum[o][c] += p[o][j] * factor;
            }
          }
        }
#pragma unroll
        for (int o = 0; o < kOwned; ++o) {
          const int token = threadIdx.x + o * kThreads;
#pragma unroll
          for (int c = 0; c < kPart; ++c) {
            if (token < count && part + c < chunk) tile[token * kRow + part + c] = sum[o][c];
          }
        }
      }
      __syncthreads();
      const int64_t at = (picture * a.tokens + first) * a.width + from;
      const T* target = a.target == nullptr ? nullptr : a.target + at;
      if (a.wide) {
        write_tile<kWide>(tile, a.output + at, target, count, chunk, a.width, a.integration, round == 1);
      } else {
        write_tile<1>(tile, a.output + at, target, count, chunk, a.width, a.integration, round == 1);
      }
      __syncthreads();
    }
  }
}

template <typename T, int kComponents>
void launch_components(const Params<T>& a, int64_t batch, void* stream) {
  // Pictures beyond the grid's limit are further launches.
  for (int64_t begin = 0; begin < batch; begin += kMaxGridYZ) {
    Params<T> part = a;
    part.x += begin * a.tokens * a.channels;
    part.weight += begin * a.weight_picture;
    if (a.bias != nullptr) part.bias += begin * a.bias_picture;
    part.value += begin * a.value_picture;
    if (a.scale != nullptr) part.scale += begin * a.scale_picture;
    if (a.target != nullptr) part.target += begin * a.tokens * a.width;
    part.output += begin * a.tokens * a.width;
    part.softmax += begin * a.heads * a.tokens * a.components;
    const dim3 grid(static_cast<unsigned>(blocks_for(a.tokens, kTokens)),
                    static_cast<unsigned>(std::min(batch - begin, kMaxGridYZ)));
    auto function = attention_kernel<T, kComponents>;
    GF_LAUNCH(function, grid, dim3(kThreads), 0, stream, part);
  }
}

template <typename T>
void launch(const gf_attention& op, const gf_attention_data& data, void* stream) {
  Params<T> a = {};
  a.tokens = static_cast<int>(op.tokens);
  a.channels = static_cast<int>(op.channels);
  a.heads = static_cast<int>(op.heads);
  a.components = static_cast<int>(op.components);
  a.channels_out = static_cast<int>(op.channels_out);
  a.integration = op.integration;
  a.width = op.integration == GF_BOTH ? a.channels_out / 2 : a.channels_out;
  a.x = static_cast<const T*>(data.x);
  a.weight = static_cast<const T*>(data.score_weight);
  a.weight_picture = op.weight_batch == 1 ? 0 : op.heads * op.channels * op.components;
  a.bias = static_cast<const T*>(data.score_bias);
  a.bias_token = op.bias_tokens == 1 ? 0 : op.components;
  a.bias_head = op.bias_tokens * op.components;
  a.bias_picture = op.bias_batch == 1 ? 0 : op.heads * a.bias_head;
  a.value = static_cast<const T*>(data.value);
  a.value_picture = op.value_batch == 1 ? 0 : op.heads * op.components * op.channels_out;
  a.output_bias = static_cast<const T*>(data.output_bias);
  a.scale = static_cast<const T*>(data.probability_scale);
  const int64_t* s = op.scale_shape;
  a.scale_picture = s[0] == 1 ? 0 : s[1] * s[2] * s[3];
  a.scale_head = s[1] == 1 ? 0 : s[2] * s[3];
  a.scale_token = s[2] == 1 ? 0 : s[3];
  a.scale_component = s[3] == 1 ? 0 : 1;
  a.target = op.integration == GF_CONTROL ? nullptr : static_cast<const T*>(data.target ? data.target : data.x);
  a.output = static_cast<T*>(data.output);
  a.softmax = static_cast<T*>(data.softmax);
  a.wide = packs<T, kWide>(a.channels, a.x) && packs<T, kWide>(a.width, a.output, a.target);
  if (op.components <= 8) {
    launch_components<T, 8>(a, op.batch, stream);
  } else if (op.components <= 16) {
    launch_components<T, 16>(a, op.batch, stream);
  } else {
    launch_components<T, 32>(a, op.batch, stream);
  }
}

// --- centroids ------------------------------------------------------------------------------------------------

constexpr int kLanes = 32;   // channels of a block
constexpr int kGroups = 4;   // groups of threads that share the tokens of a block

// Partial sums of one stretch of tokens: workspace [batch, blocks, heads, components, channels + 1], the last column
// is the sum of the probabilities.
template <typename T, int kComponents>
__global__ void __launch_bounds__(kLanes* kGroups)
    centroid_sums(const T* __restrict__ x, const T* __restrict__ probabilities, float* __restrict__ workspace,
                  int tokens, int channels, int heads, int components, int blocks) {
  __shared__ float partial[kGroups][kComponents][kLanes];
  const int lane = threadIdx.x % kLanes, group = threadIdx.x / kLanes;
  const int channel = blockIdx.x * kLanes + lane;  // `channels` itself stands for the column of ones
  const int block = blockIdx.y % blocks;
  const int64_t picture_head = static_cast<int64_t>(blockIdx.z) * (gridDim.y / blocks) + blockIdx.y / blocks;
  const int64_t picture = picture_head / heads;
  const int begin = block * static_cast<int>(kCentroidBlock);
  const int end = tokens - begin < kCentroidBlock ? tokens : begin + static_cast<int>(kCentroidBlock);
  float sum[kComponents];
#pragma unroll
  for (int j = 0; j < kComponents; ++j) sum[j] = 0.0f;
  for (int token = begin + group; token < end; token += kGroups) {
    const float value = channel < channels ? to_float(x[(picture * tokens + token) * channels + channel])
                                           : (channel == channels ? 1.0f : 0.0f);
    const T* row = probabilities + (picture_head * tokens + token) * components;
#pragma unroll
    for (int j = 0; j < kComponents; ++j) {
      if (j < components) sum[j] += to_float(row[j]) * value;
    }
  }
#pragma unroll
  for (int j = 0; j < kComponents; ++j) partial[group][j][lane] = sum[j];
  __syncthreads();
  if (channel > channels) return;
  for (int j = group; j < components; j += kGroups) {
    float total = 0.0f;
    for (int g = 0; g < kGroups; ++g) total += partial[g][j][lane];
    const int64_t row = (picture * blocks + block) * heads + picture_head % heads;
    workspace[(row * components + j) * (channels + 1) + channel] = total;
  }
}

template <typename T>
__global__ void __launch_bounds__(256)
    centroid_divide(const float* __restrict__ workspace, T* __restrict__ centroids, T* __restrict__ total, int64_t rows,
                    int rows_per_picture, int channels, int blocks, float epsilon) {
  const int64_t row = blockIdx.x;
  const int64_t picture = row / rows_per_picture, own = row % rows_per_picture;
  const int64_t step = static_cast<int64_t>(rows_per_picture) * (channels + 1);
  const float* from = workspace + picture * blocks * step + own * (channels + 1);
  float mass = 0.0f;
  for (int b = 0; b < blocks; ++b) mass += from[b * step + channels];
  if (threadIdx.x == 0) total[row] = from_float<T>(mass);
  for (int c = threadIdx.x; c < channels; c += 256) {
    float sum = 0.0f;
    for (int b = 0; b < blocks; ++b) sum += from[b * step + c];
    centroids[row * channels + c] = from_float<T>(sum / (mass + epsilon));
  }
  (void)rows;
}

template <typename T, int kComponents>
void launch_sums(const gf_centroids& op, const T* x, const T* probabilities, float* workspace, void* stream) {
  const int blocks = static_cast<int>(centroid_blocks(op));
  const unsigned slices = static_cast<unsigned>(blocks_for(op.channels + 1, kLanes));
  // Pairs of picture and head: y holds those of one picture, z the pictures.
  for (int64_t begin = 0; begin < op.batch; begin += kMaxGridYZ) {
    const dim3 grid(slices, static_cast<unsigned>(blocks * op.heads),
                    static_cast<unsigned>(std::min(op.batch - begin, kMaxGridYZ)));
    const int64_t rows = op.heads * op.components;
    auto function = centroid_sums<T, kComponents>;
    GF_LAUNCH(function, grid, dim3(kLanes * kGroups), 0, stream, x + begin * op.tokens * op.channels,
              probabilities + begin * rows * op.tokens, workspace + begin * blocks * rows * (op.channels + 1),
              static_cast<int>(op.tokens), static_cast<int>(op.channels), static_cast<int>(op.heads),
              static_cast<int>(op.components), blocks);
  }
}

template <typename T>
void launch(const gf_centroids& op, const T* x, const T* probabilities, T* centroids, T* total, float* workspace,
            void* stream) {
  if (op.components <= 8) {
    launch_sums<T, 8>(op, x, probabilities, workspace, stream);
  } else if (op.components <= 16) {
    launch_sums<T, 16>(op, x, probabilities, workspace, stream);
  } else {
    launch_sums<T, 32>(op, x, probabilities, workspace, stream);
  }
  const int64_t per_picture = op.heads * op.components, rows = op.batch * per_picture;
  auto function = centroid_divide<T>;
  GF_LAUNCH(function, dim3(static_cast<unsigned>(rows)), dim3(256), 0, stream, workspace, centroids, total, rows,
            static_cast<int>(per_picture), static_cast<int>(op.channels), static_cast<int>(centroid_blocks(op)),
            static_cast<float>(op.epsilon));
}

}  // namespace
}  // namespace gf

extern "C" {

int gf_attention_cuda(const gf_attention* op, int dtype, const gf_attention_data* data, void* stream, char* message) {
  int code = gf::check_attention(op, message);
  if (code != GF_OK) return code;
  if (op->batch == 0 || op->tokens == 0) return GF_OK;
  code = gf::check_attention_data(op, data, message);
  if (code != GF_OK) return code;
  if (op->components > gf::kMaxCudaComponents) {
    return gf::fail(GF_UNSUPPORTED, message, "%lld components; the CUDA kernel takes at most %d",
                    static_cast<long long>(op->components), gf::kMaxCudaComponents);
  }
  GF_CUDA_TYPES(dtype, message, { gf::launch<T>(*op, *data, stream); });
  return gf::launched(message);
}

int gf_centroids_cuda(const gf_centroids* op, int dtype, const void* x, const void* probabilities, void* centroids,
                      void* total, void* workspace, void* stream, char* message) {
  const int code = gf::check_centroids(op, message);
  if (code != GF_OK) return code;
  if (op->batch == 0) return GF_OK;
  if (centroids == nullptr || total == nullptr || workspace == nullptr ||
      (op->tokens > 0 && (x == nullptr || probabilities == nullptr))) {
    return gf::fail(GF_INVALID, message, "x, probabilities, an output or the workspace is missing");
  }
  if (op->components > gf::kMaxCudaComponents || gf::centroid_blocks(*op) * op->heads > gf::kMaxGridYZ ||
      op->batch * op->heads * op->components > gf::kMaxGridX) {
    return gf::fail(GF_UNSUPPORTED, message, "%lld heads of %lld components are too many for the CUDA kernel",
                    static_cast<long long>(op->heads), static_cast<long long>(op->components));
  }
  GF_CUDA_TYPES(dtype, message, {
    gf::launch<T>(*op, static_cast<const T*>(x), static_cast<const T*>(probabilities), static_cast<T*>(centroids),
                  static_cast<T*>(total), static_cast<float*>(workspace), stream);
  });
  return gf::launched(message);
}

}  // extern "C"
