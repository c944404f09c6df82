// TensorFlow ops around the attention kernels.
#include "common/tf_op.h"

namespace gf {
namespace {

using tensorflow::Tensor;
using tensorflow::TensorShape;

std::string shapes(const char* name, const Tensor& tensor, const std::string& expected) {
  return std::string(name) + " has shape " + tensor.shape().DebugString() + "; it must be " + expected;
}

// What the two ops share: sizes of an attention from its tensors, and the shape of its output.
absl::Status read_sizes(const Tensor& x, const Tensor& weight, const Tensor& value, const Tensor& output_bias,
                        const Tensor& scale, const Tensor& target, int integration, bool target_is_x,
                        gf_attention* op, TensorShape* output) {
  if (x.dims() != 3) return absl::InvalidArgumentError(shapes("x", x, "[batch, tokens, channels]"));
  for (const Tensor* tensor : {&weight, &value, &scale}) {
    if (tensor->dims() != 4) return absl::InvalidArgumentError(shapes("an input", *tensor, "of 4 dimensions"));
  }
  *op = {};
  op->batch = x.dim_size(0);
  op->tokens = x.dim_size(1);
  op->channels = x.dim_size(2);
  op->heads = weight.dim_size(1);
  op->components = weight.dim_size(3);
  op->channels_out = value.dim_size(3);
  op->integration = integration;
  op->weight_batch = weight.dim_size(0);
  op->bias_batch = op->bias_tokens = 1;
  op->value_batch = value.dim_size(0);
  for (int i = 0; i < 4; ++i) op->scale_shape[i] = scale.dim_size(i);
  if (weight.dim_size(2) != op->channels) {
    return absl::InvalidArgumentError(shapes("score_weight", weight, "[batch or 1, heads, channels, components]"));
  }
  if (value.dim_size(1) != op->heads || value.dim_size(2) != op->components) {
    return absl::InvalidArgumentError(shapes("value", value, "[batch or 1, heads, components, channels_out]"));
  }
  if (output_bias.dims() != 1 || output_bias.dim_size(0) != op->channels_out) {
    return absl::InvalidArgumentError(shapes("output_bias", output_bias, "[channels_out]"));
  }
  const int64_t width = integration == GF_BOTH ? op->channels_out / 2 : op->channels_out;
  *output = TensorShape({op->batch, op->tokens, width});
  const Tensor& integrated = target_is_x ? x : target;
  if (integration != GF_CONTROL && integrated.shape() != *output) {
    return absl::InvalidArgumentError(shapes("target", integrated, output->DebugString()));
  }
  return absl::OkStatus();
}

}  // namespace

// Optional inputs are given as neutral ones: zeros [1, heads, 1, k], zeros [channels_out], ones [1, 1, 1, 1]. With
// target_is_x the target is not read; it is not x once more, because then nobody could overwrite x.
REGISTER_OP("GansformerBipartiteAttention")
    .Input("x: T")
    .Input("score_weight: T")
    .Input("score_bias: T")
    .Input("value: T")
    .Input("output_bias: T")
    .Input("probability_scale: T")
    .Input("target: T")
    .Output("output: T")
    .Output("softmax: T")
    .Attr("T: {float, double, half, bfloat16}")
    .Attr("integration: int")
    .Attr("target_is_x: bool")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* c) -> absl::Status {
      tensorflow::shape_inference::ShapeHandle x, weight, value, target, unused;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &x));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 4, &weight));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(2), 4, &unused));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(3), 4, &value));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(4), 1, &unused));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(5), 4, &unused));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(6), 3, &target));
      int integration = 0;
      bool target_is_x = false;
      TF_RETURN_IF_ERROR(c->GetAttr("integration", &integration));
      TF_RETURN_IF_ERROR(c->GetAttr("target_is_x", &target_is_x));
      c->set_output(0, integration == GF_CONTROL ? c->MakeShape({c->Dim(x, 0), c->Dim(x, 1), c->Dim(value, 3)})
                       : target_is_x             ? x
                                                 : target);
      c->set_output(1, c->MakeShape({c->Dim(x, 0), c->Dim(weight, 1), c->Dim(x, 1), c->Dim(weight, 3)}));
      return absl::OkStatus();
    })
    .Doc("Softmax over components for every token, weighted values, integration into the tokens.");

template <typename T, bool kOnGpu>
class BipartiteAttentionOp : public tensorflow::OpKernel {
 public:
  explicit BipartiteAttentionOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("integration", &integration_));
    OP_REQUIRES_OK(context, context->GetAttr("target_is_x", &target_is_x_));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const Tensor &x = context->input(0), &weight = context->input(1), &bias = context->input(2),
                 &value = context->input(3), &output_bias = context->input(4), &scale = context->input(5),
                 &target = context->input(6);
    gf_attention op;
    TensorShape out;
    OP_REQUIRES_OK(context, read_sizes(x, weight, value, output_bias, scale, target, integration_, target_is_x_,
                                       &op, &out));
    OP_REQUIRES(context, bias.dims() == 4 && bias.dim_size(1) == op.heads && bias.dim_size(3) == op.components,
                absl::InvalidArgumentError(shapes("score_bias", bias, "[batch or 1, heads, tokens or 1, components]")));
    op.bias_batch = bias.dim_size(0);
    op.bias_tokens = bias.dim_size(2);
    Tensor *output = nullptr, *softmax = nullptr;
    // The CPU kernel reads a token before it writes it; the CUDA kernel writes some outputs in two rounds.
    if (kOnGpu || integration_ == GF_CONTROL) {
      OP_REQUIRES_OK(context, context->allocate_output(0, out, &output));
    } else {
      OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({target_is_x_ ? 0 : 6}, 0, out, &output));
    }
    OP_REQUIRES_OK(context, context->allocate_output(1, {op.batch, op.heads, op.tokens, op.components}, &softmax));
    const gf_attention_data pointers = {data(x),           data(weight), data(bias),   data(value),  data(output_bias),
                                        data(scale),       target_is_x_ ? nullptr : data(target),
                                        data(output),      data(softmax)};
    char message[GF_MESSAGE_SIZE] = "";
    int code = GF_UNSUPPORTED;
    if constexpr (kOnGpu) {
#if defined(GF_CUDA)
      code = gf_attention_cuda(&op, DataType<T>::kValue, &pointers, stream_of(context), message);
#endif
    } else {
      code = gf_attention_cpu(&op, DataType<T>::kValue, &pointers, DevicePool(context).get(), message);
    }
    OP_REQUIRES_OK(context, status(code, message));
  }

 private:
  int integration_ = 0;
  bool target_is_x_ = false;
};

// What a gradient of GansformerBipartiteAttention needs; on CPUs only. d_scores, d_weight and d_value are not summed
// over broadcast axes. With target_is_x the target's gradient is part of d_x; target and d_target are empty.
REGISTER_OP("GansformerBipartiteAttentionGradient")
    .Input("x: T")
    .Input("score_weight: T")
    .Input("value: T")
    .Input("output_bias: T")
    .Input("probability_scale: T")
    .Input("target: T")
    .Input("softmax: T")
    .Input("d_output: T")
    .Input("d_softmax: T")
    .Output("d_x: T")
    .Output("d_target: T")
    .Output("d_scores: T")
    .Output("d_weight: T")
    .Output("d_value: T")
    .Output("d_output_bias: T")
    .Attr("T: {float, double}")
    .Attr("integration: int")
    .Attr("target_is_x: bool")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* c) -> absl::Status {
      tensorflow::shape_inference::ShapeHandle x, weight, value, target, softmax;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &x));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 4, &weight));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(2), 4, &value));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(5), 3, &target));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(6), 4, &softmax));
      bool target_is_x = false;
      TF_RETURN_IF_ERROR(c->GetAttr("target_is_x", &target_is_x));
      c->set_output(0, x);
      c->set_output(1, target_is_x ? c->MakeShape({0, 0, 0}) : target);
      c->set_output(2, softmax);
      c->set_output(3, c->MakeShape({c->Dim(x, 0), c->Dim(weight, 1), c->Dim(weight, 2), c->Dim(weight, 3)}));
      c->set_output(4, c->MakeShape({c->Dim(x, 0), c->Dim(value, 1), c->Dim(value, 2), c->Dim(value, 3)}));
      c->set_output(5, c->input(3));
      return absl::OkStatus();
    })
    .Doc("Gradient of GansformerBipartiteAttention, but for that of the probability scale.");

template <typename T>
class BipartiteAttentionGradientOp : public tensorflow::OpKernel {
 public:
  explicit BipartiteAttentionGradientOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("integration", &integration_));
    OP_REQUIRES_OK(context, context->GetAttr("target_is_x", &target_is_x_));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const Tensor &x = context->input(0), &weight = context->input(1), &value = context->input(2),
                 &output_bias = context->input(3), &scale = context->input(4), &target = context->input(5),
                 &softmax = context->input(6), &d_output = context->input(7), &d_softmax = context->input(8);
    gf_attention op;
    TensorShape out;
    OP_REQUIRES_OK(context, read_sizes(x, weight, value, output_bias, scale, target, integration_, target_is_x_,
                                       &op, &out));
    const TensorShape scores({op.batch, op.heads, op.tokens, op.components});
    OP_REQUIRES(context, d_output.shape() == out,
                absl::InvalidArgumentError(shapes("d_output", d_output, out.DebugString())));
    OP_REQUIRES(context, softmax.shape() == scores && d_softmax.shape() == scores,
                absl::InvalidArgumentError(shapes("softmax or d_softmax", softmax, scores.DebugString())));
    const bool neutral = scale.NumElements() == 1 && scale.flat<T>()(0) == T(1);
    const bool own_target = integration_ != GF_CONTROL && !target_is_x_;
    Tensor* outputs[6] = {};
    const TensorShape shapes_out[6] = {
        x.shape(),
        target_is_x_ ? TensorShape({0, 0, 0}) : target.shape(),
        scores,
        TensorShape({op.batch, op.heads, op.channels, op.components}),
        TensorShape({op.batch, op.heads, op.components, op.channels_out}),
        output_bias.shape(),
    };
    // d_output becomes the gradient of what it was the output of; the kernel reads a token's row before it writes it.
    const int over_d_output = own_target ? 1 : 0;
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({7}, over_d_output, shapes_out[over_d_output],
                                                                      &outputs[over_d_output]));
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({6, 8}, 2, shapes_out[2], &outputs[2]));
    for (int i = 0; i < 6; ++i) {
      if (outputs[i] == nullptr) OP_REQUIRES_OK(context, context->allocate_output(i, shapes_out[i], &outputs[i]));
    }
    if (!target_is_x_ && !own_target) outputs[1]->flat<T>().setZero();  // the target of an attention that has none
    const gf_attention_gradient_data pointers = {
        data(x),          data(weight),     data(value),
        data(output_bias), neutral ? nullptr : data(scale), own_target ? data(target) : nullptr,
        data(softmax),    data(d_output),   data(d_softmax),
        data(outputs[0]), own_target ? data(outputs[1]) : nullptr,
        data(outputs[2]), data(outputs[3]), data(outputs[4]), data(outputs[5])};
    char message[GF_MESSAGE_SIZE] = "";
    OP_REQUIRES_OK(context, status(gf_attention_gradient_cpu(&op, DataType<T>::kValue, &pointers,
                                                             DevicePool(context).get(), message),
                                   message));
  }

 private:
  int integration_ = 0;
  bool target_is_x_ = false;
};

REGISTER_KERNEL_BUILDER(Name("GansformerBipartiteAttentionGradient").Device(tensorflow::DEVICE_CPU)
                            .TypeConstraint<float>("T"), BipartiteAttentionGradientOp<float>);
REGISTER_KERNEL_BUILDER(Name("GansformerBipartiteAttentionGradient").Device(tensorflow::DEVICE_CPU)
                            .TypeConstraint<double>("T"), BipartiteAttentionGradientOp<double>);

REGISTER_OP("GansformerAttentionCentroids")
    .Input("x: T")
    .Input("probabilities: T")
    .Output("centroids: T")
    .Output("total: T")
    .Attr("T: {float, double, half, bfloat16}")
    .Attr("epsilon: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* c) -> absl::Status {
      tensorflow::shape_inference::ShapeHandle x, p;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &x));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 4, &p));
      c->set_output(0, c->MakeShape({c->Dim(p, 0), c->Dim(p, 1), c->Dim(p, 3), c->Dim(x, 2)}));
      c->set_output(1, c->MakeShape({c->Dim(p, 0), c->Dim(p, 1), c->Dim(p, 3)}));
      return absl::OkStatus();
    })
    .Doc("Tokens gathered by the components that attend to them, normalised over tokens; and the sums over tokens.");

template <typename T, bool kOnGpu>
class AttentionCentroidsOp : public tensorflow::OpKernel {
 public:
  explicit AttentionCentroidsOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const Tensor &x = context->input(0), &p = context->input(1);
    OP_REQUIRES(context, x.dims() == 3 && p.dims() == 4 && p.dim_size(0) == x.dim_size(0) &&
                             p.dim_size(2) == x.dim_size(1),
                absl::InvalidArgumentError(shapes("probabilities", p, "[batch, heads, tokens, components] for x ") +
                                           x.shape().DebugString()));
    const gf_centroids op = {x.dim_size(0), x.dim_size(1), x.dim_size(2), p.dim_size(1), p.dim_size(3), epsilon_};
    Tensor *centroids = nullptr, *total = nullptr;
    OP_REQUIRES_OK(context,
                   context->allocate_output(0, {op.batch, op.heads, op.components, op.channels}, &centroids));
    OP_REQUIRES_OK(context, context->allocate_output(1, {op.batch, op.heads, op.components}, &total));
    char message[GF_MESSAGE_SIZE] = "";
    int code = GF_UNSUPPORTED;
    if constexpr (kOnGpu) {
#if defined(GF_CUDA)
      Tensor workspace;
      const int64_t size = gf_centroids_workspace(&op);
      OP_REQUIRES(context, size >= 0, absl::InvalidArgumentError("the number of elements overflows"));
      OP_REQUIRES_OK(context, context->allocate_temp(tensorflow::DT_FLOAT, TensorShape({size}), &workspace));
      code = gf_centroids_cuda(&op, DataType<T>::kValue, data(x), data(p), data(centroids), data(total),
                               data(&workspace), stream_of(context), message);
#endif
    } else {
      code = gf_centroids_cpu(&op, DataType<T>::kValue, data(x), data(p), data(centroids), data(total),
                              DevicePool(context).get(), message);
    }
    OP_REQUIRES_OK(context, status(code, message));
  }

 private:
  float epsilon_ = 0;
};

#define GF_REGISTER_OP(name, kernel, device, on_gpu, T) \
  REGISTER_KERNEL_BUILDER(Name(name).Device(tensorflow::device).TypeConstraint<T>("T"), kernel<T, on_gpu>)
#define GF_REGISTER(device, on_gpu, T)                                                           \
  GF_REGISTER_OP("GansformerBipartiteAttention", BipartiteAttentionOp, device, on_gpu, T);       \
  GF_REGISTER_OP("GansformerAttentionCentroids", AttentionCentroidsOp, device, on_gpu, T)
GF_REGISTER(DEVICE_CPU, false, float);
GF_REGISTER(DEVICE_CPU, false, double);
#if defined(GF_CUDA)
GF_REGISTER(DEVICE_GPU, true, float);
GF_REGISTER(DEVICE_GPU, true, Eigen::half);
GF_REGISTER(DEVICE_GPU, true, tensorflow::bfloat16);
#endif
#undef GF_REGISTER
#undef GF_REGISTER_OP

}  // namespace gf
