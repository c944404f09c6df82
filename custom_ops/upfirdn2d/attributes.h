// The attributes of an upfirdn2d as TensorFlow ops carry them.
#pragma once

#include <vector>

#include "common/tf_op.h"

namespace gf {

// Attributes up, down, padding, taps (vertical, horizontal counts), separable, kernel. Sizes come from the input.
struct Upfirdn2dAttributes {
  gf_upfirdn2d op = {};
  std::vector<float> kernel;

  template <typename Source>
  absl::Status read(Source* source) {
    TF_RETURN_IF_ERROR(read_attribute(source, "up", op.up));
    TF_RETURN_IF_ERROR(read_attribute(source, "down", op.down));
    TF_RETURN_IF_ERROR(read_attribute(source, "padding", op.padding));
    return read_kernel(source, "taps", "separable", "kernel", op.taps, &op.separable, &kernel);
  }

  template <typename Source>
  static absl::Status read_kernel(Source* source, const char* taps_name, const char* separable_name,
                                  const char* kernel_name, int64_t (&taps)[2], int32_t* separable,
                                  std::vector<float>* kernel) {
    TF_RETURN_IF_ERROR(read_attribute(source, taps_name, taps));
    bool flag = false;
    TF_RETURN_IF_ERROR(source->GetAttr(separable_name, &flag));
    *separable = flag;
    TF_RETURN_IF_ERROR(source->GetAttr(kernel_name, kernel));
    const bool sane = taps[0] > 0 && taps[1] > 0 && taps[0] < 1 << 20 && taps[1] < 1 << 20;
    if (!sane || static_cast<int64_t>(kernel->size()) != (flag ? taps[0] + taps[1] : taps[0] * taps[1])) {
      return absl::InvalidArgumentError("the kernel has " + std::to_string(kernel->size()) +
                                        " values; that does not fit its numbers of taps.");
    }
    return absl::OkStatus();
  }

  gf_upfirdn2d for_shape(int64_t batch, int64_t height, int64_t width, int64_t channels) const {
    gf_upfirdn2d full = op;
    full.batch = batch;
    full.height = height;
    full.width = width;
    full.channels = channels;
    full.kernel = kernel.data();
    return full;
  }
};

// Sizes of [batch, height, width, channels]; the batch is 0 where it is not known.
inline absl::Status known_sizes(tensorflow::shape_inference::InferenceContext* c,
                                tensorflow::shape_inference::ShapeHandle x, int64_t (&sizes)[4], bool* known) {
  *known = true;
  for (int i = 0; i < 4; ++i) {
    const auto dim = c->Dim(x, i);
    if (!c->ValueKnown(dim) && i > 0) *known = false;
    sizes[i] = c->ValueKnown(dim) ? c->Value(dim) : 0;
  }
  return absl::OkStatus();
}

}  // namespace gf
