// Running a callable over ranges on the caller's pool.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>

#include "gansformer_ops.h"

namespace gf {

// `body(begin, end)` over [0, total). Returns GF_OK, or GF_OUT_OF_MEMORY if a range ran out of memory.
template <typename Body>
int parallel_for(const gf_pool* pool, int64_t total, int64_t cost, const Body& body) {
  if (total <= 0) return GF_OK;
  struct Context {
    const Body* body;
    std::atomic<int> code;
  } context{&body, {GF_OK}};
  // An exception must not cross the pool, which belongs to someone else.
  const gf_task task = [](void* opaque, int64_t begin, int64_t end) {
    auto* context = static_cast<Context*>(opaque);
    try {
      (*context->body)(begin, end);
    } catch (const std::bad_alloc&) {
      context->code.store(GF_OUT_OF_MEMORY);
    }
  };
  if (pool == nullptr || pool->parallel_for == nullptr) {
    task(&context, 0, total);
  } else {
    pool->parallel_for(pool->self, total, cost, task, &context);
  }
  return context.code.load();
}

}  // namespace gf
