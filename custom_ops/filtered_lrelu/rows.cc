// filtered_lrelu on the CPU in one pass: fine rows are made, activated and filtered down again one after the other;
// only as many of them are kept as the last filter has taps.
#include "filtered_lrelu/rows.h"

#include "upfirdn2d/filter.h"

namespace gf {
namespace GF_ISA {
namespace {

template <typename V, typename T>
inline V clip(V value, T clamp) {
  // Comparisons are false for NaN, which stays.
  value = value > clamp ? V{} + clamp : value;
  return value < -clamp ? V{} - clamp : value;
}

// gain * leaky_relu(t), clamped.
template <typename T>
struct Activate {
  T positive, negative, clamp;
  template <typename V>
  inline V operator()(V t, V) const {
    const V z = t > 0 ? t * positive : t * negative;
    return clamp >= 0 ? clip(z, clamp) : z;
  }
  static constexpr bool kReads = false;
  static constexpr bool kStreams = false;
};

// The derivative of Activate at t (what is stored) times the sum.
template <typename T>
struct Gate {
  T positive, negative, clamp;
  template <typename V>
  inline V operator()(V sum, V t) const {
    const V slope = t > 0 ? V{} + positive : V{} + negative;
    const V z = t * slope;
    const V result = sum * slope;
    return clamp >= 0 ? ((z > clamp) | (z < -clamp) ? V{} : result) : result;
  }
  static constexpr bool kReads = true;
  static constexpr bool kStreams = false;
};

template <typename T>
class Rows {
 public:
  Rows(const FilteredLreluPlan<T>& plan, const T* x, const T* other, T* scratch)
      : plan_(plan), x_(x), other_(other), scratch_(scratch) {
    const T positive = plan.gain, negative = plan.gain * plan.slope;
    activate_ = {positive, negative, plan.clamp};
    gate_ = {positive, negative, plan.clamp};
    const int64_t inputs = plan.gate.horizontal.in * plan.channels;
    const int64_t others = plan.mode == 0 ? 0 : plan.other.horizontal.in * plan.channels;
    column_ = scratch;
    biased_ = column_ + (inputs > others ? inputs : others);
    fine_ = biased_ + inputs;
    ring_ = fine_ + plan.last.horizontal.in * plan.channels;
  }

  // Output rows [begin, end) of one picture.
  void block(int64_t picture, T* y, int64_t begin, int64_t end) {
    const Upfirdn2dPlan<T>& last = plan_.last;
    const int64_t row_out = last.horizontal.out * plan_.channels;
    int64_t next = 0;  // first fine row that is not in the ring
    for (int64_t m = begin; m < end; ++m) {
      const Step& step = last.vertical.steps[m];
      T* to = y + m * row_out;
      if (step.count == 0) {
        std::memset(to, 0, row_out * sizeof(T));
        continue;
      }
      if (next < step.first || m == begin) next = step.first;
      for (; next < step.first + step.count; ++next) keep(picture, next);
      if (last.separable) {
        gather(to, step, row_out);
      } else {
        for (int q = 0; q < step.count; ++q) {
          const T* taps = row_taps(last, step, q);
          if (q == 0) {
            filter_row(to, slot(step.first), last.horizontal, taps, plan_.channels, Store());
          } else {
            filter_row(to, slot(step.first + q), last.horizontal, taps, plan_.channels, Accumulate());
          }
        }
      }
    }
  }

 private:
  static const T* row_taps(const Upfirdn2dPlan<T>& plan, const Step& step, int q) {
    return plan.horizontal.taps + static_cast<int64_t>(plan.vertical.taps[step.tap + q]) * plan.horizontal.taps_stride;
  }

  int64_t ring_row() const {
    return (plan_.last.separable ? plan_.last.horizontal.out : plan_.last.horizontal.in) * plan_.channels;
  }
  T* slot(int64_t fine_row) { return ring_ + (fine_row % plan_.ring) * ring_row(); }

  // The vertical sum over ring rows, which wrap around.
  void gather(T* to, const Step& step, int64_t row_out) {
    const int64_t start = step.first % plan_.ring;
    const int64_t straight = plan_.ring - start < step.count ? plan_.ring - start : step.count;
    const T* taps = plan_.last.vertical.taps + step.tap;
    fir(to, ring_ + start * row_out, row_out, taps, static_cast<int>(straight), row_out, Store());
    if (straight < step.count) {
      fir(to, ring_, row_out, taps + straight, static_cast<int>(step.count - straight), row_out, Accumulate());
    }
  }

  // Makes a fine row and puts it, filtered horizontally where that is possible, into the ring.
  void keep(int64_t picture, int64_t row) {
    T* fine = plan_.last.separable ? fine_ : slot(row);
    if (plan_.mode == 0) {
      upsample(plan_.gate, x_, plan_.bias, picture, row, fine, activate_);
    } else {
      upsample(plan_.gate, x_, plan_.bias, picture, row, fine, Store());
      upsample(plan_.other, other_, static_cast<const T*>(nullptr), picture, row, fine, gate_);
    }
    if (plan_.last.separable) {
      filter_row(slot(row), fine, plan_.last.horizontal, plan_.last.horizontal.taps, plan_.channels, Store());
    }
  }

  // One fine row of `plan` from `x` (+ bias), through the epilogue.
  template <typename Epilogue>
  void upsample(const Upfirdn2dPlan<T>& plan, const T* x, const T* bias, int64_t picture, int64_t row, T* fine,
                const Epilogue& epilogue) {
    const Step& step = plan.vertical.steps[row];
    const int64_t channels = plan_.channels, row_in = plan.horizontal.in * channels;
    const T* from = x + (picture * plan.vertical.in + step.first) * row_in;
    if (plan.separable) {
      const T* taps = plan.vertical.taps + step.tap;
      if (step.count == 0) {
        std::memset(column_, 0, row_in * sizeof(T));
      } else {
        fir(column_, from, row_in, taps, step.count, row_in, Store());
      }
      if (bias != nullptr && step.count > 0) {  // sum of taps * (x + bias) = sum of taps * x + bias * sum of taps
        T total = 0;
        for (int q = 0; q < step.count; ++q) total += taps[q];
        add_bias(column_, bias, total, plan.horizontal.in, channels);
      }
      filter_row(fine, column_, plan.horizontal, plan.horizontal.taps, channels, epilogue);
      return;
    }
    // A joint kernel: the epilogue needs the whole sum, which for Gate must not overwrite what is stored.
    T* sum = Epilogue::kReads ? ring_ + plan_.ring * ring_row() : fine;
    const int64_t row_fine = plan.horizontal.out * channels;
    if (step.count == 0) std::memset(sum, 0, row_fine * sizeof(T));
    for (int q = 0; q < step.count; ++q) {
      const T* input = from + q * row_in;
      if (bias != nullptr) {
        std::memcpy(biased_, input, row_in * sizeof(T));
        add_bias(biased_, bias, T(1), plan.horizontal.in, channels);
        input = biased_;
      }
      const T* taps = row_taps(plan, step, q);
      if (q == 0) {
        filter_row(sum, input, plan.horizontal, taps, channels, Store());
      } else {
        filter_row(sum, input, plan.horizontal, taps, channels, Accumulate());
      }
    }
    const T one = 1;
    fir_fixed<1>(fine, sum, row_fine, &one, 1, row_fine, epilogue);
  }

  static void add_bias(T* row, const T* bias, T factor, int64_t width, int64_t channels) {
    for (int64_t i = 0; i < width; ++i) fir_fixed<1>(row + i * channels, bias, 0, &factor, 1, channels, Accumulate());
  }

  const FilteredLreluPlan<T>& plan_;
  const T *x_, *other_;
  T *scratch_, *column_, *biased_, *fine_, *ring_;
  Activate<T> activate_;
  Gate<T> gate_;
};

template <typename T>
void blocks(const FilteredLreluPlan<T>& plan, const T* x, const T* other, T* y, int64_t begin, int64_t end,
            T* scratch) {
  Rows<T> rows(plan, x, other, scratch);
  const int64_t height = plan.last.vertical.out;
  const int64_t per_picture = (height + plan.block - 1) / plan.block;
  const int64_t picture_out = height * plan.last.horizontal.out * plan.channels;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t picture = unit / per_picture, first = (unit % per_picture) * plan.block;
    const int64_t stop = first + plan.block < height ? first + plan.block : height;
    rows.block(picture, y + picture * picture_out, first, stop);
  }
}

}  // namespace

void filtered_lrelu_blocks(const FilteredLreluPlan<float>& plan, const float* x, const float* other, float* y,
                           int64_t begin, int64_t end, float* scratch) {
  blocks(plan, x, other, y, begin, end, scratch);
}
void filtered_lrelu_blocks(const FilteredLreluPlan<double>& plan, const double* x, const double* other, double* y,
                           int64_t begin, int64_t end, double* scratch) {
  blocks(plan, x, other, y, begin, end, scratch);
}

}  // namespace GF_ISA
}  // namespace gf
