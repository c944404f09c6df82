// TensorFlow ops around the Winograd convolution; the three maps of one trilinear form, so gradients are made of them.
#include <algorithm>

#include "common/tf_op.h"

namespace gf {

using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

REGISTER_OP("GansformerConv2d")
    .Input("x: T")
    .Input("w: T")
    .Output("y: T")
    .Attr("T: {float, double}")
    .Attr("transposed: bool")
    .SetShapeFn([](InferenceContext* c) -> absl::Status {
      bool transposed = false;
      ShapeHandle x, w;
      DimensionHandle size;
      TF_RETURN_IF_ERROR(c->GetAttr("transposed", &transposed));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 4, &x));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 4, &w));
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(w, 0), 3, &size));
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(w, 1), 3, &size));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(x, 3), c->Dim(w, transposed ? 3 : 2), &size));
      TF_RETURN_IF_ERROR(c->ReplaceDim(x, 3, c->Dim(w, transposed ? 2 : 3), &x));
      c->set_output(0, x);
      return absl::OkStatus();
    })
    .Doc("Convolution of x [batch, height, width, in] with w [3, 3, in, out], stride 1, zeros around; or its transpose.");

REGISTER_OP("GansformerConv2dFilter")
    .Input("x: T")
    .Input("dy: T")
    .Output("dw: T")
    .Attr("T: {float, double}")
    .SetShapeFn([](InferenceContext* c) -> absl::Status {
      ShapeHandle x, dy, first, second;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 4, &x));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 4, &dy));
      TF_RETURN_IF_ERROR(c->Subshape(x, 0, 3, &first));
      TF_RETURN_IF_ERROR(c->Subshape(dy, 0, 3, &second));
      TF_RETURN_IF_ERROR(c->Merge(first, second, &first));
      c->set_output(0, c->MakeShape({c->MakeDim(3), c->MakeDim(3), c->Dim(x, 3), c->Dim(dy, 3)}));
      return absl::OkStatus();
    })
    .Doc("Gradient of the filter [3, 3, in, out] for x [.., in] and the gradient dy [.., out] of the convolution.");

template <typename T, bool kFilter>
class Conv2dOp : public tensorflow::OpKernel {
 public:
  explicit Conv2dOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    if (!kFilter) OP_REQUIRES_OK(context, context->GetAttr("transposed", &transposed_));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor &x = context->input(0), &other = context->input(1);
    OP_REQUIRES(context, x.dims() == 4 && other.dims() == 4,
                absl::InvalidArgumentError("both inputs must have four axes"));
    const int64_t threads = context->device()->tensorflow_cpu_worker_threads()->num_threads;
    gf_winograd op = {x.dim_size(0), x.dim_size(1), x.dim_size(2), 0, 0, std::min<int64_t>(threads, 64), transposed_};
    tensorflow::TensorShape shape;
    if (kFilter) {
      for (int axis = 0; axis < 3; ++axis) {
        OP_REQUIRES(context, x.dim_size(axis) == other.dim_size(axis),
                    absl::InvalidArgumentError("x and dy differ in axis " + std::to_string(axis)));
      }
      op.channels_in = x.dim_size(3);
      op.channels_out = other.dim_size(3);
      shape = {3, 3, op.channels_in, op.channels_out};
    } else {
      op.channels_in = other.dim_size(2);
      op.channels_out = other.dim_size(3);
      OP_REQUIRES(context,
                  other.dim_size(0) == 3 && other.dim_size(1) == 3 &&
                      x.dim_size(3) == (transposed_ ? op.channels_out : op.channels_in),
                  absl::InvalidArgumentError("w is " + other.shape().DebugString() + "; it must be [3, 3, in, out] for x " +
                                             x.shape().DebugString()));
      shape = x.shape();
      shape.set_dim(3, transposed_ ? op.channels_in : op.channels_out);
    }
    tensorflow::Tensor *out = nullptr, workspace;
    OP_REQUIRES_OK(context, context->allocate_output(0, shape, &out));
    if (out->NumElements() == 0) return;
    const int64_t values = gf_winograd_workspace(&op, DataType<T>::kValue);
    OP_REQUIRES(context, values >= 0, absl::InvalidArgumentError("sizes must not be zero or overflow"));
    OP_REQUIRES_OK(context,
                   context->allocate_temp(tensorflow::DataTypeToEnum<T>::v(), tensorflow::TensorShape({values}), &workspace));
    char message[GF_MESSAGE_SIZE] = "";
    const auto run = kFilter ? gf_winograd_filter_cpu : gf_winograd_cpu;
    const int code = run(&op, DataType<T>::kValue, data(x), data(other), data(out), data(&workspace),
                         DevicePool(context).get(), message);
    OP_REQUIRES_OK(context, status(code, message));
  }

 private:
  bool transposed_ = false;
};

#define GF_REGISTER(name, T, filter) \
  REGISTER_KERNEL_BUILDER(Name(name).Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T"), Conv2dOp<T, filter>)
GF_REGISTER("GansformerConv2d", float, false);
GF_REGISTER("GansformerConv2d", double, false);
GF_REGISTER("GansformerConv2dFilter", float, true);
GF_REGISTER("GansformerConv2dFilter", double, true);
#undef GF_REGISTER

}  // namespace gf
