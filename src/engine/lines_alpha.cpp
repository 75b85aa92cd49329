#include "engine/lines_alpha.hpp"

#include <algorithm>
#include <cmath>

#include "core/bytes.hpp"
#include "core/simd.hpp"
#include "plan/strip.hpp"

namespace stockpot::engine {
namespace {

constexpr auto subtract_from = []<class T>(const T* base, std::size_t count, T* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] = values[i] - base[i];
};

constexpr auto scale_and_add = []<class T>(const T* base, T scale, std::size_t count, T* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] = base[i] + scale * values[i];
};

/// The 1-norms of the sum of the differences and of the task vector, in eight running sums each.
constexpr auto add_norms = []<class T>(const T* const* differences, std::size_t models, const T* task_vector,
                                       std::size_t count, double* norms) {
  double of_sum[8] = {}, of_merged[8] = {};
  for (std::size_t i = 0; i < count; ++i) {
    T sum{0};
    for (std::size_t m = 0; m < models; ++m) sum += differences[m][i];
    of_sum[i % 8] += static_cast<double>(std::abs(sum));
    of_merged[i % 8] += static_cast<double>(std::abs(task_vector[i]));
  }
  const auto joined = [](const double* s) { return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7])); };
  norms[0] = joined(of_sum);
  norms[1] = joined(of_merged);
};

}  // namespace

template <class T>
void make_differences(std::span<T> base, std::span<T* const> models) {
  for (T* model : models) dispatch(subtract_from, static_cast<const T*>(base.data()), base.size(), model);
  std::ranges::fill(base, T{0});
}

template <class T>
void add_scaled(std::span<const T> base, double scale, std::span<T> task_vector) {
  dispatch(scale_and_add, base.data(), static_cast<T>(scale), base.size(), task_vector.data());
}

template <class T>
void LinesAlpha::add(std::uint32_t tensor, const methods::Tile<T>& differences, std::span<const T> task_vector) {
  std::vector<double> norms(2);
  dispatch(add_norms, differences.model_values.data(), differences.models(), task_vector.data(), differences.size(),
           norms.data());
  const std::uint64_t tile = differences.range.first / plan::tile_elements(plan_, tensor);
  const std::lock_guard lock(mutex_);
  sums_[tensor].insert(0, tile, std::move(norms));
}

void LinesAlpha::settle(const comm::Communicator& comm) {
  ByteWriter mine;
  for (std::size_t t = 0; t < sums_.size(); ++t) {
    for (const auto& node : sums_[t].nodes()) {
      for (const std::uint64_t number : {std::uint64_t{t}, std::uint64_t{node.level}, node.index}) mine.number(number);
      for (const double norm : node.value) mine.real(norm);
    }
  }
  sums_.assign(sums_.size(), {});
  for (const std::string& part : comm.all_gather(mine.take())) {
    ByteReader in(part);
    while (!in.done()) {
      const std::uint64_t tensor = in.number();
      const auto level = static_cast<std::uint32_t>(in.number());
      const std::uint64_t index = in.number();
      const double of_sum = in.real(), of_merged = in.real();
      sums_.at(tensor).insert(level, index, {of_sum, of_merged});
    }
  }
  double of_sum = 0.0, of_merged = 0.0;
  for (std::uint32_t t = 0; t < sums_.size(); ++t) {
    if (!plan_.tensors[t].lines_offset) continue;
    const auto norms = sums_[t].total(plan::tiles_of(plan_, t, plan_.context[t].elements));
    of_sum += norms[0];
    of_merged += norms[1];
  }
  // Without a merged task vector there is nothing to scale.
  alpha_ = of_merged > 0.0 ? of_sum / (static_cast<double>(plan_.lines_models) * of_merged) : 1.0;
}

template void make_differences(std::span<float>, std::span<float* const>);
template void make_differences(std::span<double>, std::span<double* const>);
template void add_scaled(std::span<const float>, double, std::span<float>);
template void add_scaled(std::span<const double>, double, std::span<double>);
template void LinesAlpha::add(std::uint32_t, const methods::Tile<float>&, std::span<const float>);
template void LinesAlpha::add(std::uint32_t, const methods::Tile<double>&, std::span<const double>);

}  // namespace stockpot::engine
