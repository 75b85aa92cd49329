// `lines` with alpha: auto: one factor for the whole model, out of two norms that only the merged task vector has.
//
//   alpha = |sum of all task vectors|_1 / (N |merged task vector|_1)       Source: Wang et al. 2024, arXiv:2410.17146
//
// The engine runs through its work twice: first to measure, without writing, then to merge with the factor. A method
// gives its task vector alone when its base is zero and its models are their differences from it, which is exact.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "comm/communicator.hpp"
#include "core/block_tree.hpp"
#include "methods/method.hpp"
#include "plan/plan.hpp"

namespace stockpot::engine {

/// Turns models into differences from their base, and the base into zeros.
template <class T>
void make_differences(std::span<T> base, std::span<T* const> models);

/// out = base + scale * task_vector, one rounding each.
template <class T>
void add_scaled(std::span<const T> base, double scale, std::span<T> task_vector);

class LinesAlpha {
 public:
  explicit LinesAlpha(const plan::MergePlan& plan) : plan_(plan), sums_(plan.tensors.size()) {}

  /// Thread safe. Adds one tile of differences and of what the method made of them.
  template <class T>
  void add(std::uint32_t tensor, const methods::Tile<T>& differences, std::span<const T> task_vector);
  /// Collective. Adds up all ranks' tiles.
  void settle(const comm::Communicator& comm);
  /// @throws Error(numeric) if what settle() added up is not finite: alike on all ranks.
  void refuse_nonfinite() const;

  /// What settle() found out, and what another attempt's did.
  double value() const { return alpha_; }
  void set(double alpha) { alpha_ = alpha; }

  /// The factor of a tensor's task vector. @pre settle() or set()
  double factor(const plan::PlannedTensor& tensor) const { return alpha_ + *tensor.lines_offset; }

 private:
  const plan::MergePlan& plan_;
  std::mutex mutex_;
  std::vector<SumTree> sums_;  // by tensor: 1-norms of the sum of differences, and of the merged task vector
  double alpha_ = 1.0;
  bool is_finite_ = true;
};

}  // namespace stockpot::engine
