// TensorFlow op around bias_act and its derivatives.
#include "common/tf_op.h"

namespace gf {

// order 0 takes neither `first` nor `second`, order 1 takes `first`, order 2 both (as lists of that length).
REGISTER_OP("GansformerBiasAct")
    .Input("x: T")
    .Input("bias: T")
    .Input("factors: order * T")
    .Output("y: T")
    .Attr("T: {float, double, half, bfloat16}")
    .Attr("order: int >= 0")
    .Attr("activation: int")
    .Attr("alpha: float")
    .Attr("gain: float")
    .Attr("clamp: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* c) -> absl::Status {
      tensorflow::shape_inference::ShapeHandle x = c->input(0), bias;
      TF_RETURN_IF_ERROR(c->WithRankAtLeast(x, 1, &x));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 1, &bias));
      if (c->RankKnown(x)) {
        tensorflow::shape_inference::DimensionHandle channels;
        TF_RETURN_IF_ERROR(c->Merge(c->Dim(x, -1), c->Dim(bias, 0), &channels));
      }
      for (int i = 2; i < c->num_inputs(); ++i) TF_RETURN_IF_ERROR(c->Merge(x, c->input(i), &x));
      c->set_output(0, x);
      return absl::OkStatus();
    })
    .Doc("clip(activation(x + bias) * gain), or its first or second derivative times the factors.");

template <typename T, bool kOnGpu>
class BiasActOp : public tensorflow::OpKernel {
 public:
  explicit BiasActOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    int64_t order = 0, activation = 0;
    float alpha = 0, gain = 1, clamp = -1;
    OP_REQUIRES_OK(context, context->GetAttr("order", &order));
    OP_REQUIRES_OK(context, context->GetAttr("activation", &activation));
    OP_REQUIRES_OK(context, context->GetAttr("alpha", &alpha));
    OP_REQUIRES_OK(context, context->GetAttr("gain", &gain));
    OP_REQUIRES_OK(context, context->GetAttr("clamp", &clamp));
    OP_REQUIRES(context, order <= 2, absl::InvalidArgumentError("order must be 0, 1 or 2"));
    OP_REQUIRES(context, activation >= 0 && activation <= GF_SWISH,
                absl::InvalidArgumentError("activation must be 0 to 8"));
    op_.order = static_cast<int32_t>(order);
    op_.activation = static_cast<int32_t>(activation);
    op_.alpha = alpha;
    op_.gain = gain;
    op_.clamp = clamp;
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor &x = context->input(0), &bias = context->input(1);
    OP_REQUIRES(context, x.dims() >= 1, absl::InvalidArgumentError("x must have at least one dimension"));
    const int64_t channels = x.dim_size(x.dims() - 1);
    OP_REQUIRES(context, bias.dims() == 1 && bias.dim_size(0) == channels,
                absl::InvalidArgumentError("bias must have the " + std::to_string(channels) + " channels of x, not " +
                                           bias.shape().DebugString()));
    const void* factors[2] = {nullptr, nullptr};
    for (int i = 0; i < op_.order; ++i) {
      const tensorflow::Tensor& factor = context->input(2 + i);
      OP_REQUIRES(context, factor.shape() == x.shape(), absl::InvalidArgumentError("factors must have the shape of x"));
      factors[i] = data(factor);
    }
    tensorflow::Tensor* y = nullptr;
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({0}, 0, x.shape(), &y));
    if (y->NumElements() == 0) return;
    gf_bias_act op = op_;
    op.channels = channels;
    op.rows = x.NumElements() / channels;
    char message[GF_MESSAGE_SIZE] = "";
    int code = GF_UNSUPPORTED;
    if constexpr (kOnGpu) {
#if defined(GF_CUDA)
      code = gf_bias_act_cuda(&op, DataType<T>::kValue, data(x), data(bias), factors[0], factors[1], data(y),
                              stream_of(context), message);
#endif
    } else {
      code = gf_bias_act_cpu(&op, DataType<T>::kValue, data(x), data(bias), factors[0], factors[1], data(y),
                             DevicePool(context).get(), message);
    }
    OP_REQUIRES_OK(context, status(code, message));
  }

 private:
  gf_bias_act op_ = {};
};

#define GF_REGISTER(device, on_gpu, T)                                                                 \
  REGISTER_KERNEL_BUILDER(Name("GansformerBiasAct").Device(tensorflow::device).TypeConstraint<T>("T"), \
                          BiasActOp<T, on_gpu>)
GF_REGISTER(DEVICE_CPU, false, float);
GF_REGISTER(DEVICE_CPU, false, double);
#if defined(GF_CUDA)
GF_REGISTER(DEVICE_GPU, true, float);
GF_REGISTER(DEVICE_GPU, true, Eigen::half);
GF_REGISTER(DEVICE_GPU, true, tensorflow::bfloat16);
#endif
#undef GF_REGISTER

}  // namespace gf
