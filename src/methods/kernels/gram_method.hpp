// Methods whose result is a weighted sum of the models, the weights of which follow from the Gram matrix of the models
// or of their differences: one pass, whatever the rule iterates.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "methods/kernels/gram.hpp"
#include "methods/kernels/weighted_sum.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

/// What a rule decides.
struct ModelFactors {
  std::vector<double> factors;  ///< of each model
  std::string remark = {};      ///< worth a line in the report; empty: nothing
};

/// The parameter max_iter as a count; more than anyone waits for is all the same.
inline std::uint64_t most_iterations(const Settings& settings) {
  return static_cast<std::uint64_t>(std::min(settings.number("max_iter"), 1e15));
}

/// The vectors of a Gram matrix: `models`, each minus `origin` unless that is nullptr.
template <class E>
struct GramVectors {
  std::span<const E* const> models;
  const E* origin = nullptr;
};

/// One model comes back as it is. Rule has
///   Rule(const Settings&)
///   static std::size_t vectors(std::size_t models);       how many vectors its matrix has
///   static GramVectors<E> vectors_of(const Tile<E>&);     which
///   static const E* origin(const Tile<E>&);               what the sum is around: merge_weighted
///   ModelFactors factors(const Gram&) const;
template <class Rule>
class GramMethod final : public TileMethod<GramMethod<Rule>> {
 public:
  GramMethod(const Settings& settings, const GroupInfo& group) : rule_(settings), models_(group.models) {}
  static constexpr bool stored = true;
  static constexpr NonfiniteInput in_passes = NonfiniteInput::in_sums;
  /// One model hides what the base holds.
  bool shows_nonfinite() const override { return models_ >= 2; }

  static Needs needs(const Settings&, const GroupInfo& group) {
    if (group.models < 2) return {};
    return {.passes = 1, .tally = {.sums = pairs_of(Rule::vectors(group.models))}};
  }

  std::optional<TallyShape> next_pass() const override {
    if (models_ < 2 || decided_) return std::nullopt;
    return TallyShape{.sums = pairs_of(Rule::vectors(models_))};
  }

  template <class E>
  void observe_tile(const Tile<E>& in, TallyPart part) const {
    const GramVectors<E> vectors = Rule::vectors_of(in);
    GramSums<E>(vectors.models, vectors.origin).add(0, in.size(), part.sums);
  }

  void conclude(const Totals& totals) override { decided_ = rule_.factors(Gram(totals.sums, Rule::vectors(models_))); }

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    if (models_ < 2) return dispatch(copy, in.model_values[0], in.size(), out.data());
    merge_weighted(in, Rule::origin(in), decided_->factors, 1.0, out);
  }

  std::vector<std::string> remarks() const override {
    if (!decided_ || decided_->remark.empty()) return {};
    return {decided_->remark};
  }

 private:
  Rule rule_;
  std::size_t models_;
  std::optional<ModelFactors> decided_;
};

}  // namespace stockpot::methods
