#include "engine/lines_alpha.hpp"

#include <algorithm>
#include <cmath>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "core/simd.hpp"
#include "engine/sum_trees.hpp"
#include "methods/kernels/block_sums.hpp"
#include "methods/kernels/consensus.hpp"
#include "methods/kernels/element_loops.hpp"
#include "plan/strip.hpp"

namespace stockpot::engine {
namespace {

/// lanes += |sum of the differences|
constexpr auto add_sum_magnitudes = []<class T>(const T* const* differences, std::size_t models, std::size_t count,
                                                double* lanes) {
  methods::add_terms(lanes, count, [=](std::size_t i) {
    T sum{0};
    for (std::size_t m = 0; m < models; ++m) sum += differences[m][i];
    return static_cast<double>(std::abs(sum));
  });
};

}  // namespace

template <class T>
void make_differences(std::span<T> base, std::span<T* const> models) {
  for (T* model : models) {
    dispatch(methods::subtract, static_cast<const T*>(model), static_cast<const T*>(base.data()), base.size(), model);
  }
  std::ranges::fill(base, T{0});
}

template <class T>
void add_scaled(std::span<const T> base, double scale, std::span<T> task_vector) {
  dispatch(methods::add_to_base, base.data(), static_cast<T>(scale), static_cast<const T*>(task_vector.data()),
           base.size(), task_vector.data());
}

template <class T>
void LinesAlpha::add(std::uint32_t tensor, const methods::Tile<T>& differences, std::span<const T> task_vector) {
  methods::Lanes of_sum, of_merged;
  dispatch(add_sum_magnitudes, differences.model_values.data(), differences.models(), differences.size(),
           of_sum.sum.data());
  dispatch(methods::add_magnitudes, task_vector.data(), task_vector.size(), of_merged.sum.data());
  const std::uint64_t tile = differences.range.first / plan::tile_elements(plan_, tensor);
  const std::lock_guard lock(mutex_);
  sums_[tensor].insert(0, tile, {of_sum.joined(), of_merged.joined()});
}

void LinesAlpha::settle(const comm::Communicator& comm) {
  ByteWriter mine;
  pack_sums(sums_, mine);
  sums_.assign(sums_.size(), {});
  for (const std::string& part : comm.all_gather(mine.take())) {
    ByteReader in(part);
    merge_sums(in, 2, sums_);
  }
  double of_sum = 0.0, of_merged = 0.0;
  for (std::uint32_t t = 0; t < sums_.size(); ++t) {
    if (!plan_.tensors[t].lines_offset) continue;
    const auto norms = sums_[t].total(plan::tiles_of(plan_, t, plan_.context[t].elements));
    of_sum += norms[0];
    of_merged += norms[1];
  }
  is_finite_ = std::isfinite(of_sum) && std::isfinite(of_merged);
  // Without a merged task vector there is nothing to scale.
  alpha_ = of_merged > 0.0 ? of_sum / (static_cast<double>(plan_.lines_models) * of_merged) : 1.0;
}

void LinesAlpha::refuse_nonfinite() const {
  if (is_finite_) return;
  throw Error(ErrorKind::numeric, "the alpha of 'lines' cannot be found: norms of task vectors are not finite")
      .code("TEN030")
      .hint("inputs hold NaN or infinities, or values near the largest of their type: give alpha as a number");
}

template void make_differences(std::span<float>, std::span<float* const>);
template void make_differences(std::span<double>, std::span<double* const>);
template void add_scaled(std::span<const float>, double, std::span<float>);
template void add_scaled(std::span<const double>, double, std::span<double>);
template void LinesAlpha::add(std::uint32_t, const methods::Tile<float>&, std::span<const float>);
template void LinesAlpha::add(std::uint32_t, const methods::Tile<double>&, std::span<const double>);

}  // namespace stockpot::engine
