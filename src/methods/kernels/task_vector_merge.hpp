// The task-arithmetic family: task vectors are trimmed, rescaled, weighted, combined and added to the base.
//
// A member of the family is a trim (trims.hpp), a MethodSpec whose parameters come from family_parameters(), and a
// line: .make = make_method<TaskVectorMerge<MagnitudeTrim>>.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/error.hpp"
#include "methods/kernels/consensus.hpp"
#include "methods/kernels/rescale.hpp"
#include "methods/kernels/trims.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

/// What the members of the family do when the recipe does not say.
struct FamilyDefaults {
  bool normalize = false;
  bool rescale = false;
};

/// weight, density, lambda, lines, normalize, rescale, rescale_mode and int8_mask.
std::vector<ParameterSpec> family_parameters(FamilyDefaults defaults);
/// And sign_consensus and zero_sign, for the members that elect a sign.
std::vector<ParameterSpec> electing_parameters(FamilyDefaults defaults);
/// Warnings that all members share: MethodSpec::check.
std::vector<std::string> check_family(const Settings& settings);
/// What rescaling and election need.
Needs family_needs(const Settings& settings, const GroupInfo& group);
/// The same with a trim that goes first: `passes` of its own, `counts` counters in the largest.
Needs family_needs(const Settings& settings, const GroupInfo& group, int passes, std::size_t counts);
/// tie_break, for methods that select by magnitude.
ParameterSpec tie_break_parameter();

/// total = total + sum of sign(votes), as a two's complement number.
inline constexpr auto add_sign_total = []<class T>(const T* votes, std::size_t count, std::uint64_t* total) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += (votes[i] > 0) - (votes[i] < 0);
  *total += static_cast<std::uint64_t>(sum);
};

/// Where nonzero entries cancel exactly: the sign that is elected. Either + (mergekit), or the sign that most elements
/// of the group elect (the TIES paper), which takes a pass once everything else is known.
class ZeroSign {
 public:
  ZeroSign(const Settings& settings, const GroupInfo& group);
  std::optional<TallyShape> next_pass() const;
  template <class T>
  void observe(Consensus consensus, const Entries<T>& entries, TallyPart part) const {
    T votes[sub_tile_elements];
    count_votes(consensus, entries, votes);
    dispatch(add_sign_total, votes, entries.count, part.counts.data());
  }
  void conclude(const Totals& totals);
  int elects() const { return elects_; }

 private:
  bool ready_;
  int elects_ = 1;
};

/// Passes: those of the trim, then the norms for rescaling, then the sign total; each only if it is needed.
template <class Trim>
class TaskVectorMerge final : public TileMethod<TaskVectorMerge<Trim>> {
 public:
  TaskVectorMerge(const Settings& settings, const GroupInfo& group)
      : models_(group.models),
        trim_(settings, group),
        rescale_(settings, group, Trim::trims),
        zero_sign_(settings, group) {}

  std::optional<TallyShape> next_pass() const override {
    if (const auto shape = trim_.next_pass()) return shape;
    if (const auto shape = rescale_.next_pass()) return shape;
    return zero_sign_.next_pass();
  }

  bool wants(const OutputTensor& tensor, ElementRange range) const override {
    return !trim_.next_pass() || trim_.wants(tensor, range);
  }

  template <class T>
  void observe_tile(const Tile<T>& in, TallyPart part) const {
    check_models(in);
    if (trim_.next_pass()) return trim_.observe(in, part);
    if (rescale_.next_pass()) return rescale_.observe(trim_, in, part);
    const Consensus consensus = consensus_of(in.tensor.settings);
    for_each_entries(in, [&](std::size_t, const Entries<T>& entries) { zero_sign_.observe(consensus, entries, part); });
  }

  void conclude(const Totals& totals) override {
    if (trim_.next_pass()) return trim_.conclude(totals);
    if (rescale_.next_pass()) return rescale_.conclude(totals);
    zero_sign_.conclude(totals);
  }

  template <class T>
  void merge_tile(const Tile<T>& in, std::span<T> out) const {
    check_models(in);
    const Combination<T> combination(in.tensor.settings, zero_sign_.elects());
    for_each_entries(in, [&](std::size_t first, const Entries<T>& entries) {
      combination.merge(entries, in.base_values + first, out.data() + first);
    });
  }

 private:
  /// Thresholds and factors belong to models by their place: with a group of several tensors all models must be in all.
  template <class T>
  void check_models(const Tile<T>& in) const {
    if (in.models() == models_) return;
    throw Error(ErrorKind::corrupt_input, "a model lacks a tensor that shares a threshold over the whole model")
        .in_tensor(in.tensor.name)
        .hint("give every model the same tensors, or use scope: tensor");
  }

  /// Calls body(first, entries) for the sub-tiles of a tile.
  template <class T, class Body>
  void for_each_entries(const Tile<T>& in, const Body& body) const {
    const std::size_t stride = piece_elements<Trim>(in.tensor);
    std::vector<T> entries(in.models() * stride);
    for_each_piece<Trim>(in, [&](std::size_t first, std::size_t count) {
      for (std::size_t m = 0; m < in.models(); ++m) weigh(in, m, first, count, entries.data() + m * stride);
      for_each_sub_tile(count, [&](std::size_t sub, std::size_t length) {
        body(first + sub, Entries<T>{entries.data() + sub, in.models(), length, stride});
      });
    });
  }

  /// entry = weight * rescale * trimmed task vector, one rounding each.
  template <class T>
  void weigh(const Tile<T>& in, std::size_t m, std::size_t first, std::size_t count, T* entry) const {
    const auto run = delta_run(in, m, first, count, entry);
    trim_.prepare(run);
    trim_.apply(run);
    if (const double factor = rescale_.factor(in.tensor, m); factor != 1.0) scale(factor, count, entry);
    scale(in.tensor.settings.per_model("weight")[m], count, entry);
  }

  template <class T>
  static void scale(double factor, std::size_t count, T* values) {
    dispatch(multiply, static_cast<T>(factor), values, count, values);
  }

  std::size_t models_;
  Trim trim_;
  Rescale rescale_;
  ZeroSign zero_sign_;
};

}  // namespace stockpot::methods
