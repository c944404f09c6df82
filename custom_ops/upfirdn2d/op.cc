// TensorFlow op around upfirdn2d.
#include "upfirdn2d/attributes.h"

namespace gf {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

REGISTER_OP("GansformerUpfirdn2d")
    .Input("x: T")
    .Output("y: T")
    .Attr("T: {float, double, half, bfloat16}")
    .Attr("up: list(int)")
    .Attr("down: list(int)")
    .Attr("padding: list(int)")
    .Attr("taps: list(int)")
    .Attr("separable: bool")
    .Attr("kernel: list(float)")
    .SetShapeFn([](InferenceContext* c) -> absl::Status {
      ShapeHandle x;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 4, &x));
      Upfirdn2dAttributes attributes;
      TF_RETURN_IF_ERROR(attributes.read(c));
      int64_t sizes[4];
      bool known = false;
      TF_RETURN_IF_ERROR(known_sizes(c, x, sizes, &known));
      if (!known) {
        c->set_output(0, c->MakeShape({c->Dim(x, 0), c->UnknownDim(), c->UnknownDim(), c->Dim(x, 3)}));
        return absl::OkStatus();
      }
      const gf_upfirdn2d op = attributes.for_shape(sizes[0], sizes[1], sizes[2], sizes[3]);
      int64_t out[2];
      char message[GF_MESSAGE_SIZE] = "";
      TF_RETURN_IF_ERROR(status(gf_upfirdn2d_size(&op, out, message), message));
      c->set_output(0, c->MakeShape({c->Dim(x, 0), c->MakeDim(out[0]), c->MakeDim(out[1]), c->Dim(x, 3)}));
      return absl::OkStatus();
    })
    .Doc("Zero insertion, padding, FIR filter and decimation of NHWC pictures.");

template <typename T, bool kOnGpu>
class Upfirdn2dOp : public OpKernel {
 public:
  explicit Upfirdn2dOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, attributes_.read(context));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    OP_REQUIRES(context, x.dims() == 4,
                absl::InvalidArgumentError("x must be [batch, height, width, channels], not " + x.shape().DebugString()));
    const gf_upfirdn2d op = attributes_.for_shape(x.dim_size(0), x.dim_size(1), x.dim_size(2), x.dim_size(3));
    int64_t out[2];
    char message[GF_MESSAGE_SIZE] = "";
    int code = gf_upfirdn2d_size(&op, out, message);
    OP_REQUIRES_OK(context, status(code, message));
    Tensor* y = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, {op.batch, out[0], out[1], op.channels}, &y));
    if (y->NumElements() == 0) return;
    if constexpr (kOnGpu) {
#if defined(GF_CUDA)
      code = gf_upfirdn2d_cuda(&op, DataType<T>::kValue, data(x), data(y), stream_of(context), message);
#endif
    } else {
      code = gf_upfirdn2d_cpu(&op, DataType<T>::kValue, data(x), data(y), DevicePool(context).get(), message);
    }
    OP_REQUIRES_OK(context, status(code, message));
  }

 private:
  Upfirdn2dAttributes attributes_;
};

#define GF_REGISTER(device, on_gpu, T)                                                                   \
  REGISTER_KERNEL_BUILDER(Name("GansformerUpfirdn2d").Device(tensorflow::device).TypeConstraint<T>("T"), \
                          Upfirdn2dOp<T, on_gpu>)
GF_REGISTER(DEVICE_CPU, false, float);
GF_REGISTER(DEVICE_CPU, false, double);
#if defined(GF_CUDA)
GF_REGISTER(DEVICE_GPU, true, float);
GF_REGISTER(DEVICE_GPU, true, Eigen::half);
GF_REGISTER(DEVICE_GPU, true, tensorflow::bfloat16);
#endif
#undef GF_REGISTER

}  // namespace gf
