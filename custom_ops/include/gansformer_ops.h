/* C interface of the kernels: no TensorFlow, no C++ types, so that they can be tested and timed alone.
 *
 * Pictures are [batch, height, width, channels], tokens [batch, tokens, channels], dense and row-major.
 * Every function checks its arguments, returns GF_OK or an error code, and on an error writes one line into
 * `message` (may be NULL). Nothing is written to the outputs on an error. Filters are float32 and are applied as a
 * correlation; reverse them for a convolution and fold gains into them.
 */
#ifndef GANSFORMER_OPS_H_
#define GANSFORMER_OPS_H_

#include <stdint.h>

#if defined(_WIN32)
#define GF_API __declspec(dllexport)
#else
#define GF_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every change of a signature or a structure; checked by whoever loads the library. */
#define GF_INTERFACE 5
#define GF_MESSAGE_SIZE 256

enum gf_code { GF_OK = 0, GF_INVALID = 1, GF_UNSUPPORTED = 2, GF_OUT_OF_MEMORY = 3, GF_DEVICE_ERROR = 4 };
enum gf_dtype { GF_FLOAT32 = 0, GF_FLOAT64 = 1, GF_FLOAT16 = 2, GF_BFLOAT16 = 3 };

/* Runs `task(context, begin, end)` over disjoint ranges that cover [0, total), possibly in several threads, and
 * returns when all are done. `cost` is about the number of nanoseconds per unit. */
typedef void (*gf_task)(void* context, int64_t begin, int64_t end);
typedef struct gf_pool {
  void (*parallel_for)(void* self, int64_t total, int64_t cost, gf_task task, void* context);
  void* self;
} gf_pool; /* A NULL pool runs everything in the calling thread. */

/* --- what was built ------------------------------------------------------------------------------------------- */

GF_API int gf_interface(void);
GF_API const char* gf_stamp(void);        /* versions and compilers of the build, as JSON */
GF_API int gf_has_cuda(void);             /* 1 if the CUDA kernels are in the library */
GF_API const char* gf_isa(void);          /* instruction set of the CPU kernels in use: baseline, avx2 or avx512 */
GF_API int gf_set_isa(const char* name);  /* GF_INVALID for one that is not known or that this CPU lacks; for tests */

/* --- upfirdn2d: zero insertion, padding, FIR filter, decimation ----------------------------------------------- */

typedef struct gf_upfirdn2d {
  int64_t batch, height, width, channels;
  int64_t up[2], down[2]; /* vertical, horizontal */
  int64_t padding[4];     /* left, right, top, bottom, after zero insertion; negative crops */
  int64_t taps[2];        /* rows, columns */
  int32_t separable;      /* kernel holds taps[0] vertical, then taps[1] horizontal taps; otherwise rows x columns */
  const float* kernel;    /* on the host, also for CUDA */
} gf_upfirdn2d;

GF_API int gf_upfirdn2d_size(const gf_upfirdn2d* op, int64_t size[2], char* message);
GF_API int gf_upfirdn2d_cpu(const gf_upfirdn2d* op, int dtype, const void* x, void* y, const gf_pool* pool,
                            char* message);
GF_API int gf_upfirdn2d_cuda(const gf_upfirdn2d* op, int dtype, const void* x, void* y, void* stream, char* message);

/* --- convolution of 3x3 taps, stride 1, zeros around, by Winograd's F(2x2, 3x3) -------------------------------- */

typedef struct gf_winograd {
  int64_t batch, height, width;
  int64_t channels_in, channels_out; /* of the filter w [3, 3, in, out] */
  int64_t workers;                   /* chunks of the convolution worked on at once; the workspace grows with them */
  int32_t transposed;                /* 0: x [.., in] -> y [.., out]; 1: the transposed map, [.., out] -> [.., in] */
} gf_winograd;

/* On the CPU alone. `workspace` holds gf_winograd_workspace(op, dtype) values of the type (-1: the sizes are bad). */
GF_API int64_t gf_winograd_workspace(const gf_winograd* op, int dtype);
GF_API int gf_winograd_cpu(const gf_winograd* op, int dtype, const void* x, const void* w, void* y, void* workspace,
                           const gf_pool* pool, char* message);
/* Gradient of w for x [.., in] and dy [.., out]; `transposed` is not read. */
GF_API int gf_winograd_filter_cpu(const gf_winograd* op, int dtype, const void* x, const void* dy, void* dw,
                                  void* workspace, const gf_pool* pool, char* message);

/* --- bias_act: clip(activation(x + bias) * gain) and its derivatives ------------------------------------------ */

enum gf_activation {
  GF_LINEAR = 0,
  GF_RELU = 1,
  GF_LRELU = 2,
  GF_TANH = 3,
  GF_SIGMOID = 4,
  GF_ELU = 5,
  GF_SELU = 6,
  GF_SOFTPLUS = 7,
  GF_SWISH = 8
};

typedef struct gf_token_norm {
  int64_t rows, channels; /* x is [rows, channels] */
  int32_t order;          /* 0: y; 1: the gradient for `first` */
  int32_t center, scale;  /* whether rows get mean 0, then root mean square 1 */
  double epsilon;         /* added to the mean square */
} gf_token_norm;

/* On the CPU alone. y may be x (order 0) or `first` (order 1). */
GF_API int gf_token_norm_cpu(const gf_token_norm* op, int dtype, const void* x, const void* first, void* y,
                             const gf_pool* pool, char* message);

typedef struct gf_modulation {
  int64_t batch, rows, channels; /* x is [batch, rows, channels] */
} gf_modulation;

/* On the CPU alone: x * scales [batch, channels] (y may be x), and the sums of x * y over rows, [batch, channels]. */
GF_API int gf_scale_channels_cpu(const gf_modulation* op, int dtype, const void* x, const void* scales, void* y,
                                 const gf_pool* pool, char* message);
GF_API int gf_channel_dot_cpu(const gf_modulation* op, int dtype, const void* x, const void* y, void* sums,
                              const gf_pool* pool, char* message);

typedef struct gf_bias_act {
  int64_t rows, channels; /* x is [rows, channels] */
  int32_t activation;
  int32_t order; /* 0: y; 1: first * dy/dx; 2: first * second * d2y/dx2 */
  double alpha, gain;
  double clamp; /* below 0: none */
} gf_bias_act;

/* `bias` [channels] may be NULL; `first` and `second` [rows, channels] are read for order >= 1 and 2. */
GF_API int gf_bias_act_cpu(const gf_bias_act* op, int dtype, const void* x, const void* bias, const void* first,
                           const void* second, void* y, const gf_pool* pool, char* message);
GF_API int gf_bias_act_cuda(const gf_bias_act* op, int dtype, const void* x, const void* bias, const void* first,
                            const void* second, void* y, void* stream, char* message);

/* --- filtered_lrelu: upsample, leaky ReLU, downsample, and the two linear maps that are its derivatives ------- */

typedef struct gf_filtered_lrelu {
  gf_upfirdn2d up;     /* down factors 1 */
  int64_t down[2];     /* vertical, horizontal */
  int64_t taps[2];     /* of the second filter */
  int32_t separable;   /* of the second filter */
  int32_t mode;        /* 0: y(x + bias); 1: the change of y along a direction [as x]; 2: the transpose of 1 */
  const float* kernel; /* the second filter */
  double slope, gain;
  double clamp; /* below 0: none */
} gf_filtered_lrelu;

/* Size of y = down(act(up(x + bias))). */
GF_API int gf_filtered_lrelu_size(const gf_filtered_lrelu* op, int64_t size[2], char* message);
/* mode 0 writes y and ignores `other`; mode 1 takes `other` shaped as x and writes y; mode 2 takes `other` shaped as
 * y and writes an array shaped as x. `bias` [channels] may be NULL. */
GF_API int gf_filtered_lrelu_cpu(const gf_filtered_lrelu* op, int dtype, const void* x, const void* bias,
                                 const void* other, void* y, const gf_pool* pool, char* message);
GF_API int gf_filtered_lrelu_cuda(const gf_filtered_lrelu* op, int dtype, const void* x, const void* bias,
                                  const void* other, void* y, void* stream, char* message);

/* --- bipartite attention -------------------------------------------------------------------------------------- */

enum gf_integration { GF_CONTROL = 0, GF_ADD = 1, GF_MUL = 2, GF_BOTH = 3 };

typedef struct gf_attention {
  int64_t batch, tokens, channels, heads, components, channels_out;
  int32_t integration;
  /* Sizes of the broadcast axes, each 1 or the full size. */
  int64_t weight_batch;    /* score_weight [.., heads, channels, components] */
  int64_t bias_batch;      /* score_bias [.., heads, .., components] */
  int64_t bias_tokens;
  int64_t value_batch;     /* value [.., heads, components, channels_out] */
  int64_t scale_shape[4];  /* probability_scale [batch, heads, tokens, components] */
} gf_attention;

typedef struct gf_attention_data {
  const void *x, *score_weight, *score_bias, *value, *output_bias, *probability_scale, *target;
  void* output;  /* [batch, tokens, channels_out], halved for GF_BOTH */
  void* softmax; /* [batch, heads, tokens, components], before the scale */
} gf_attention_data; /* score_bias, output_bias and probability_scale may be NULL; target NULL is x. On the CPU, output
                        may lie over the target (or x, where that is the target). */

GF_API int gf_attention_cpu(const gf_attention* op, int dtype, const gf_attention_data* data, const gf_pool* pool,
                            char* message);
GF_API int gf_attention_cuda(const gf_attention* op, int dtype, const gf_attention_data* data, void* stream,
                             char* message);

/* The gradient of all inputs, `data->d_scores` being that of score_bias before its sum over broadcast axes, and
 * d_weight, d_value those of every picture. The gradient of probability_scale is left to the caller. d_output may lie
 * under d_target (under d_x where there is none and the sizes are equal), softmax or d_softmax under d_scores. */
typedef struct gf_attention_gradient_data {
  const void *x, *score_weight, *value, *output_bias, *probability_scale, *target; /* as above */
  const void *softmax, *d_output;
  const void* d_softmax; /* NULL: 0 */
  void* d_x;
  void* d_target;      /* NULL: the target is x, and d_x holds the whole gradient; also NULL for GF_CONTROL */
  void* d_scores;      /* [batch, heads, tokens, components] */
  void* d_weight;      /* [batch, heads, channels, components] */
  void* d_value;       /* [batch, heads, components, channels_out] */
  void* d_output_bias; /* [channels_out] */
} gf_attention_gradient_data;

GF_API int gf_attention_gradient_cpu(const gf_attention* op, int dtype, const gf_attention_gradient_data* data,
                                     const gf_pool* pool, char* message);

typedef struct gf_centroids {
  int64_t batch, tokens, channels, heads, components;
  double epsilon;
} gf_centroids;

/* x [batch, tokens, channels], probabilities [batch, heads, tokens, components] ->
 * centroids [batch, heads, components, channels], total [batch, heads, components]: the sum over tokens. */
GF_API int gf_centroids_cpu(const gf_centroids* op, int dtype, const void* x, const void* probabilities,
                            void* centroids, void* total, const gf_pool* pool, char* message);
/* `workspace` holds gf_centroids_workspace(op) floats on the device. */
GF_API int64_t gf_centroids_workspace(const gf_centroids* op);
GF_API int gf_centroids_cuda(const gf_centroids* op, int dtype, const void* x, const void* probabilities,
                             void* centroids, void* total, void* workspace, void* stream, char* message);

#ifdef __cplusplus
}
#endif

#endif /* GANSFORMER_OPS_H_ */
