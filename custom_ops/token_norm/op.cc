// TensorFlow op around token_norm and its gradient.
#include "common/tf_op.h"

namespace gf {

REGISTER_OP("GansformerTokenNorm")
    .Input("x: T")
    .Input("factors: order * T")
    .Output("y: T")
    .Attr("T: {float, double}")
    .Attr("order: int >= 0")
    .Attr("center: bool")
    .Attr("scale: bool")
    .Attr("epsilon: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* c) -> absl::Status {
      tensorflow::shape_inference::ShapeHandle x = c->input(0);
      TF_RETURN_IF_ERROR(c->WithRankAtLeast(x, 1, &x));
      for (int i = 1; i < c->num_inputs(); ++i) TF_RETURN_IF_ERROR(c->Merge(x, c->input(i), &x));
      c->set_output(0, x);
      return absl::OkStatus();
    })
    .Doc("(x - mean) / sqrt(mean square + epsilon) over the last axis, or the gradient of that for a factor.");

template <typename T>
class TokenNormOp : public tensorflow::OpKernel {
 public:
  explicit TokenNormOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    int64_t order = 0;
    bool center = false, scale = false;
    float epsilon = 0;
    OP_REQUIRES_OK(context, context->GetAttr("order", &order));
    OP_REQUIRES_OK(context, context->GetAttr("center", &center));
    OP_REQUIRES_OK(context, context->GetAttr("scale", &scale));
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon));
    OP_REQUIRES(context, order <= 1, absl::InvalidArgumentError("order must be 0 or 1"));
    op_.order = static_cast<int32_t>(order);
    op_.center = center;
    op_.scale = scale;
    op_.epsilon = epsilon;
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& x = context->input(0);
    OP_REQUIRES(context, x.dims() >= 1, absl::InvalidArgumentError("x must have at least one dimension"));
    const void* first = nullptr;
    if (op_.order == 1) {
      OP_REQUIRES(context, context->input(1).shape() == x.shape(),
                  absl::InvalidArgumentError("the factor must have the shape of x"));
      first = data(context->input(1));
    }
    tensorflow::Tensor* y = nullptr;
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({op_.order}, 0, x.shape(), &y));
    if (y->NumElements() == 0) return;
    gf_token_norm op = op_;
    op.channels = x.dim_size(x.dims() - 1);
    op.rows = x.NumElements() / op.channels;
    char message[GF_MESSAGE_SIZE] = "";
    const int code = gf_token_norm_cpu(&op, DataType<T>::kValue, data(x), first, data(y), DevicePool(context).get(),
                                       message);
    OP_REQUIRES_OK(context, status(code, message));
  }

 private:
  gf_token_norm op_ = {};
};

#define GF_REGISTER(T)                                                                                      \
  REGISTER_KERNEL_BUILDER(Name("GansformerTokenNorm").Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T"), \
                          TokenNormOp<T>)
GF_REGISTER(float);
GF_REGISTER(double);
#undef GF_REGISTER

}  // namespace gf
