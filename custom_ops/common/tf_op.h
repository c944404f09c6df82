// Glue between TensorFlow's kernels and the C interface.
#pragma once

#include <string>
#include <vector>

#include "gansformer_ops.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/util/work_sharder.h"
#if defined(GF_CUDA)
#include "xla/stream_executor/stream.h"
#endif

namespace gf {

template <typename T>
struct DataType;
template <>
struct DataType<float> {
  static constexpr int kValue = GF_FLOAT32;
};
template <>
struct DataType<double> {
  static constexpr int kValue = GF_FLOAT64;
};
template <>
struct DataType<Eigen::half> {
  static constexpr int kValue = GF_FLOAT16;
};
template <>
struct DataType<tensorflow::bfloat16> {
  static constexpr int kValue = GF_BFLOAT16;
};

// The thread pool of the TensorFlow device.
class DevicePool {
 public:
  explicit DevicePool(tensorflow::OpKernelContext* context) : context_(context) { pool_ = {&DevicePool::run, this}; }
  const gf_pool* get() const { return &pool_; }

 private:
  static void run(void* self, int64_t total, int64_t cost, gf_task task, void* opaque) {
    const auto& workers = *static_cast<DevicePool*>(self)->context_->device()->tensorflow_cpu_worker_threads();
    tensorflow::Shard(workers.num_threads, workers.workers, total, cost,
                      [&](int64_t begin, int64_t end) { task(opaque, begin, end); });
  }
  tensorflow::OpKernelContext* context_;
  gf_pool pool_;
};

#if defined(GF_CUDA)
// The CUDA stream of the op, as the C interface takes it.
inline void* stream_of(tensorflow::OpKernelContext* context) {
  return context->op_device_context()->stream()->platform_specific_handle().stream;
}
#endif

inline absl::Status status(int code, const char* message) {
  switch (code) {
    case GF_OK: return absl::OkStatus();
    case GF_OUT_OF_MEMORY: return absl::ResourceExhaustedError(message);
    case GF_UNSUPPORTED: return absl::UnimplementedError(message);
    case GF_DEVICE_ERROR: return absl::InternalError(message);
    default: return absl::InvalidArgumentError(message);
  }
}

// Reads a list attribute of a fixed length.
template <size_t kSize, typename Source>
absl::Status read_attribute(Source* source, const char* name, int64_t (&values)[kSize]) {
  std::vector<int64_t> list;
  const absl::Status read = source->GetAttr(name, &list);
  if (!read.ok()) return read;
  if (list.size() != kSize) {
    return absl::InvalidArgumentError(std::string(name) + " has " + std::to_string(list.size()) + " values; it needs " +
                                      std::to_string(kSize) + ".");
  }
  std::copy(list.begin(), list.end(), values);
  return absl::OkStatus();
}

inline const void* data(const tensorflow::Tensor& tensor) { return tensor.tensor_data().data(); }
inline void* data(tensorflow::Tensor* tensor) { return const_cast<char*>(tensor->tensor_data().data()); }

}  // namespace gf
