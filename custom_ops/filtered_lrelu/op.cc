// TensorFlow op around filtered_lrelu and the two linear maps that are its derivatives.
#include "upfirdn2d/attributes.h"

namespace gf {
namespace {

struct FilteredLreluAttributes {
  Upfirdn2dAttributes up;
  gf_filtered_lrelu op = {};
  std::vector<float> kernel;

  template <typename Source>
  absl::Status read(Source* source) {
    TF_RETURN_IF_ERROR(read_attribute(source, "up", up.op.up));
    TF_RETURN_IF_ERROR(read_attribute(source, "padding", up.op.padding));
    up.op.down[0] = up.op.down[1] = 1;
    TF_RETURN_IF_ERROR(Upfirdn2dAttributes::read_kernel(source, "up_taps", "up_separable", "up_kernel", up.op.taps,
                                                        &up.op.separable, &up.kernel));
    TF_RETURN_IF_ERROR(read_attribute(source, "down", op.down));
    TF_RETURN_IF_ERROR(Upfirdn2dAttributes::read_kernel(source, "down_taps", "down_separable", "down_kernel", op.taps,
                                                        &op.separable, &kernel));
    int64_t mode = 0;
    float slope = 0, gain = 1, clamp = -1;
    TF_RETURN_IF_ERROR(source->GetAttr("mode", &mode));
    TF_RETURN_IF_ERROR(source->GetAttr("slope", &slope));
    TF_RETURN_IF_ERROR(source->GetAttr("gain", &gain));
    TF_RETURN_IF_ERROR(source->GetAttr("clamp", &clamp));
    if (mode < 0 || mode > 2) return absl::InvalidArgumentError("mode must be 0, 1 or 2");
    op.mode = static_cast<int32_t>(mode);
    op.slope = slope;
    op.gain = gain;
    op.clamp = clamp;
    return absl::OkStatus();
  }

  gf_filtered_lrelu for_shape(int64_t batch, int64_t height, int64_t width, int64_t channels) const {
    gf_filtered_lrelu full = op;
    full.up = up.for_shape(batch, height, width, channels);
    full.kernel = kernel.data();
    return full;
  }
};

}  // namespace

// mode 0: y = down(act(up(x + bias))), `other` has length 0; mode 1: derivative of y along `other` [as x];
// mode 2: transpose of mode 1, from `other` [as y] to an array like x.
REGISTER_OP("GansformerFilteredLrelu")
    .Input("x: T")
    .Input("bias: T")
    .Input("other: others * T")
    .Output("y: T")
    .Attr("T: {float, double, half, bfloat16}")
    .Attr("others: int >= 0")
    .Attr("mode: int")
    .Attr("up: list(int)")
    .Attr("padding: list(int)")
    .Attr("up_taps: list(int)")
    .Attr("up_separable: bool")
    .Attr("up_kernel: list(float)")
    .Attr("down: list(int)")
    .Attr("down_taps: list(int)")
    .Attr("down_separable: bool")
    .Attr("down_kernel: list(float)")
    .Attr("slope: float")
    .Attr("gain: float")
    .Attr("clamp: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* c) -> absl::Status {
      tensorflow::shape_inference::ShapeHandle x;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 4, &x));
      FilteredLreluAttributes attributes;
      TF_RETURN_IF_ERROR(attributes.read(c));
      int64_t sizes[4];
      bool known = false;
      TF_RETURN_IF_ERROR(known_sizes(c, x, sizes, &known));
      if (attributes.op.mode == 2) {
        c->set_output(0, x);
      } else if (!known) {
        c->set_output(0, c->MakeShape({c->Dim(x, 0), c->UnknownDim(), c->UnknownDim(), c->Dim(x, 3)}));
      } else {
        const gf_filtered_lrelu op = attributes.for_shape(sizes[0], sizes[1], sizes[2], sizes[3]);
        int64_t out[2];
        char message[GF_MESSAGE_SIZE] = "";
        TF_RETURN_IF_ERROR(status(gf_filtered_lrelu_size(&op, out, message), message));
        c->set_output(0, c->MakeShape({c->Dim(x, 0), c->MakeDim(out[0]), c->MakeDim(out[1]), c->Dim(x, 3)}));
      }
      return absl::OkStatus();
    })
    .Doc("Upsampling, leaky ReLU and downsampling of NHWC pictures, or a derivative of it.");

template <typename T, bool kOnGpu>
class FilteredLreluOp : public tensorflow::OpKernel {
 public:
  explicit FilteredLreluOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, attributes_.read(context));
    int64_t others = 0;
    OP_REQUIRES_OK(context, context->GetAttr("others", &others));
    OP_REQUIRES(context, others == (attributes_.op.mode == 0 ? 0 : 1),
                absl::InvalidArgumentError("other must have length 0 for mode 0 and 1 for the others"));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor &x = context->input(0), &bias = context->input(1);
    OP_REQUIRES(context, x.dims() == 4,
                absl::InvalidArgumentError("x must be [batch, height, width, channels], not " + x.shape().DebugString()));
    OP_REQUIRES(context, bias.dims() == 1 && bias.dim_size(0) == x.dim_size(3),
                absl::InvalidArgumentError("bias must have the " + std::to_string(x.dim_size(3)) +
                                           " channels of x, not " + bias.shape().DebugString()));
    const gf_filtered_lrelu op = attributes_.for_shape(x.dim_size(0), x.dim_size(1), x.dim_size(2), x.dim_size(3));
    int64_t out[2];
    char message[GF_MESSAGE_SIZE] = "";
    int code = gf_filtered_lrelu_size(&op, out, message);
    OP_REQUIRES_OK(context, status(code, message));
    const tensorflow::TensorShape fine({x.dim_size(0), out[0], out[1], x.dim_size(3)});
    const void* other = nullptr;
    if (op.mode != 0) {
      const tensorflow::Tensor& given = context->input(2);
      OP_REQUIRES(context, given.shape() == (op.mode == 1 ? x.shape() : fine),
                  absl::InvalidArgumentError("other has shape " + given.shape().DebugString() + "; it must be " +
                                             (op.mode == 1 ? x.shape() : fine).DebugString()));
      other = data(given);
    }
    tensorflow::Tensor* y = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, op.mode == 2 ? x.shape() : fine, &y));
    if (y->NumElements() == 0) return;
    if constexpr (kOnGpu) {
#if defined(GF_CUDA)
      code = gf_filtered_lrelu_cuda(&op, DataType<T>::kValue, data(x), data(bias), other, data(y), stream_of(context),
                                    message);
#endif
    } else {
      code = gf_filtered_lrelu_cpu(&op, DataType<T>::kValue, data(x), data(bias), other, data(y),
                                   DevicePool(context).get(), message);
    }
    OP_REQUIRES_OK(context, status(code, message));
  }

 private:
  FilteredLreluAttributes attributes_;
};

#define GF_REGISTER(device, on_gpu, T)                                                                       \
  REGISTER_KERNEL_BUILDER(Name("GansformerFilteredLrelu").Device(tensorflow::device).TypeConstraint<T>("T"), \
                          FilteredLreluOp<T, on_gpu>)
GF_REGISTER(DEVICE_CPU, false, float);
GF_REGISTER(DEVICE_CPU, false, double);
#if defined(GF_CUDA)
GF_REGISTER(DEVICE_GPU, true, float);
GF_REGISTER(DEVICE_GPU, true, Eigen::half);
GF_REGISTER(DEVICE_GPU, true, tensorflow::bfloat16);
#endif
#undef GF_REGISTER

}  // namespace gf
