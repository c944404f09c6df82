// TensorFlow ops around the channels' scales; each is made of the other in its gradient.
#include "common/tf_op.h"

namespace gf {

REGISTER_OP("GansformerScaleChannels")
    .Input("x: T")
    .Input("scales: T")
    .Output("y: T")
    .Attr("T: {float, double}")
    .Attr("nonzero: bool = false")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* c) -> absl::Status {
      tensorflow::shape_inference::ShapeHandle x, scales;
      tensorflow::shape_inference::DimensionHandle same;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 4, &x));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 2, &scales));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(x, 0), c->Dim(scales, 0), &same));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(x, 3), c->Dim(scales, 1), &same));
      c->set_output(0, x);
      return absl::OkStatus();
    })
    .Doc("x [batch, height, width, channels] * scales [batch, channels]. nonzero says that no scale is 0: a gradient may "
         "then divide by them.");

REGISTER_OP("GansformerChannelDot")
    .Input("x: T")
    .Input("y: T")
    .Output("sums: T")
    .Attr("T: {float, double}")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* c) -> absl::Status {
      tensorflow::shape_inference::ShapeHandle x;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 4, &x));
      TF_RETURN_IF_ERROR(c->Merge(x, c->input(1), &x));
      c->set_output(0, c->Matrix(c->Dim(x, 0), c->Dim(x, 3)));
      return absl::OkStatus();
    })
    .Doc("Sum of x * y, both [batch, height, width, channels], over the pixels of each picture: [batch, channels].");

template <typename T>
class ModulationOp : public tensorflow::OpKernel {
 public:
  explicit ModulationOp(tensorflow::OpKernelConstruction* context)
      : OpKernel(context), scales_(type_string() == "GansformerScaleChannels") {}

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor &x = context->input(0), &other = context->input(1);
    OP_REQUIRES(context, x.dims() == 4, absl::InvalidArgumentError("x must be [batch, height, width, channels]"));
    const tensorflow::TensorShape per_picture({x.dim_size(0), x.dim_size(3)});
    const tensorflow::TensorShape& expected = scales_ ? per_picture : x.shape();
    OP_REQUIRES(context, other.shape() == expected,
                absl::InvalidArgumentError("the second input must be " + expected.DebugString() + ", not " +
                                           other.shape().DebugString()));
    tensorflow::Tensor* out = nullptr;
    if (scales_) {
      OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({0}, 0, x.shape(), &out));
    } else {
      OP_REQUIRES_OK(context, context->allocate_output(0, per_picture, &out));
    }
    if (out->NumElements() == 0) return;
    const gf_modulation op = {x.dim_size(0), x.dim_size(1) * x.dim_size(2), x.dim_size(3)};
    char message[GF_MESSAGE_SIZE] = "";
    const auto run = scales_ ? gf_scale_channels_cpu : gf_channel_dot_cpu;
    const int code =
        run(&op, DataType<T>::kValue, data(x), data(other), data(out), DevicePool(context).get(), message);
    OP_REQUIRES_OK(context, status(code, message));
  }

 private:
  const bool scales_;
};

#define GF_REGISTER(name, T) \
  REGISTER_KERNEL_BUILDER(Name(name).Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T"), ModulationOp<T>)
GF_REGISTER("GansformerScaleChannels", float);
GF_REGISTER("GansformerScaleChannels", double);
GF_REGISTER("GansformerChannelDot", float);
GF_REGISTER("GansformerChannelDot", double);
#undef GF_REGISTER

}  // namespace gf
