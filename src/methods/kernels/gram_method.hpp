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
template <class T>
struct GramVectors {
  std::span<const T* const> models;
  const T* origin = nullptr;
};

/// One model comes back as it is. Rule has
///   Rule(const Settings&)
///   static std::size_t vectors(std::size_t models);       how many vectors its matrix has
///   static GramVectors<T> vectors_of(const Tile<T>&);     which
///   static const T* origin(const Tile<T>&);               what the sum is around: merge_weighted
///   ModelFactors factors(const Gram&) const;
template <class Rule>
class GramMethod final : public TileMethod<GramMethod<Rule>> {
 public:
  GramMethod(const Settings& settings, const GroupInfo& group) : rule_(settings), models_(group.models) {}

  static Needs needs(const Settings&, const GroupInfo& group) {
    if (group.models < 2) return {};
    return {.passes = 1, .tally = {.sums = pairs_of(Rule::vectors(group.models))}};
  }

  std::optional<TallyShape> next_pass() const override {
    if (models_ < 2 || decided_) return std::nullopt;
    return TallyShape{.sums = pairs_of(Rule::vectors(models_))};
  }

  template <class T>
  void observe_tile(const Tile<T>& in, TallyPart part) const {
    const GramVectors<T> vectors = Rule::vectors_of(in);
    GramSums<T>(vectors.models, vectors.origin).add(0, in.size(), part.sums);
  }

  void conclude(const Totals& totals) override { decided_ = rule_.factors(Gram(totals.sums, Rule::vectors(models_))); }

  template <class T>
  void merge_tile(const Tile<T>& in, std::span<T> out) const {
    if (models_ < 2) {
      std::ranges::copy(in.model(0), out.begin());
      return;
    }
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
