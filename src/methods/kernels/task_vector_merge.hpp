// The task-arithmetic family: task vectors are trimmed, rescaled, weighted, combined and added to the base.
//
// A member of the family is a trim (trims.hpp), a MethodSpec whose parameters come from family_parameters(), and a
// line: .make = make_method<TaskVectorMerge<MagnitudeTrim>>.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "methods/kernels/consensus.hpp"
#include "methods/kernels/fused_family.hpp"
#include "methods/kernels/kept_flags.hpp"
#include "methods/kernels/rescale.hpp"
#include "methods/kernels/trims.hpp"
#include "methods/kernels/whole_model.hpp"
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
/// What all members share: MethodSpec::check.
std::vector<std::string> check_family(const Settings& settings);
/// What rescaling and election need.
Needs family_needs(const Settings& settings, const GroupInfo& group);
/// And room to note, in the pass for the norms, which elements a trim with flags leaves.
Needs noting_family_needs(const Settings& settings, const GroupInfo& group);
/// The same with a trim that goes first.
Needs family_needs(const Settings& settings, const GroupInfo& group, const SelectNeeds& trim);
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
        wide_(group.float64),
        trim_(settings, group),
        rescale_(settings, group, Trim::trims),
        zero_sign_(settings, group) {}
  static constexpr bool stored = true;

  std::optional<TallyShape> next_pass() const override {
    if (const auto shape = trim_.next_pass()) return shape;
    if (const auto shape = rescale_.next_pass()) return shape;
    return zero_sign_.next_pass();
  }

  NonfiniteInput nonfinite_input() const override {
    if (trim_.next_pass()) return Trim::in_passes;
    const bool sums_all = rescale_.next_pass() && rescale_.sums_all() && !trim_.pre_drops();
    return sums_all ? NonfiniteInput::in_sums : NonfiniteInput::refused;
  }
  bool shows_nonfinite() const override { return trim_.leaves_nonfinite(); }

  bool wants(const OutputTensor& tensor, ElementRange range) const override {
    return !trim_.next_pass() || trim_.wants(tensor, range);
  }

  template <class E>
  void observe_tile(const Tile<E>& in, TallyPart part) const {
    check_all_models(in, models_);
    if (trim_.next_pass()) return trim_.observe(in, part);
    if (rescale_.next_pass()) return rescale_.observe(trim_, in, part);
    const Consensus consensus = consensus_of(in.tensor.settings);
    for_each_entries(in, [&](std::size_t, const auto& entries) { zero_sign_.observe(consensus, entries, part); });
  }

  void conclude(const Totals& totals) override {
    if (trim_.next_pass()) return trim_.conclude(totals);
    if (rescale_.next_pass()) return rescale_.conclude(totals);
    zero_sign_.conclude(totals);
  }

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    using T = ValueOf<E>;
    check_all_models(in, models_);
    const Combination<T> combination(in.tensor.settings, zero_sign_.elects());
    bool merged = false;
    if (combination.consensus() != Consensus::majority) {
      with_few(in.models(), [&]<std::size_t models>() { merged = merge_few<models>(in, combination, out); });
    }
    if (!merged) merge_steps(in, combination, out);
  }

 private:
  template <class E>
  void merge_steps(const Tile<E>& in, const Combination<ValueOf<E>>& combination, std::span<E> out) const {
    for_each_entries(in, [&](std::size_t first, const auto& entries) {
      combination.merge(entries, in.base_values + first, out.data() + first);
    });
  }

  /// In one loop. @return false if that cannot be done: a trim is neither flags nor a range of magnitudes here, or entries are
  /// not finite.
  template <std::size_t models, class E>
  bool merge_few(const Tile<E>& in, const Combination<ValueOf<E>>& combination, std::span<E> out) const {
    if (uses_flags()) return merge_by_flags<models>(in, combination, out);
    return wide_ ? merge_by_keys<std::uint64_t, models>(in, combination, out)
                 : merge_by_keys<std::uint32_t, models>(in, combination, out);
  }

  template <class Key, std::size_t models, class E>
  bool merge_by_keys(const Tile<E>& in, const Combination<ValueOf<E>>& combination, std::span<E> out) const {
    FusedByKey<E, Key, models> fused{};
    for (std::size_t m = 0; m < models; ++m) {
      const auto kept = trim_.kept_keys(in.tensor, m, run_in_group(in.tensor, m, in.range.first, in.size()));
      if (!kept) return false;
      fused.low[m] = as_key<Key>(kept->low);
      fused.high[m] = as_key<Key>(kept->high);
    }
    return merge_fused(in, combination, 0, fused, out);
  }

  template <std::size_t models, class E>
  bool merge_by_flags(const Tile<E>& in, const Combination<ValueOf<E>>& combination, std::span<E> out) const {
    const std::size_t stride = flag_room(piece_elements<Trim>(in.tensor));
    const auto room = std::make_unique_for_overwrite<std::uint8_t[]>(models * stride);
    bool finite = true;
    for_each_piece<Trim>(in, [&](std::size_t first, std::size_t count) {
      FusedByFlag<E, models> fused{};
      for (std::size_t m = 0; m < models; ++m) {
        fused.flags[m] = room.get() + m * stride;
        write_flags(in, m, first, count, room.get() + m * stride);
      }
      finite &= merge_fused(in, combination, first, fused, out.subspan(first, count));
    });
    return finite;
  }

  /// Merges elements from `first` of the tile on into `out`. @param fused  has the trims; the rest is filled in here
  /// @return false: entries are not finite, and `out` is not what they merge to.
  template <class Fused, class E>
  bool merge_fused(const Tile<E>& in, const Combination<ValueOf<E>>& combination, std::size_t first, Fused fused,
                   std::span<E> out) const {
    using T = ValueOf<E>;
    for (std::size_t m = 0; m < Fused::size; ++m) {
      fused.values[m] = in.model_values[m] + first;
      fused.rescale[m] = static_cast<T>(rescale_.factor(in.tensor, m));
      fused.weight[m] = combination.weights()[m];
    }
    const FusedEnding<T> ending{.zero_elects = combination.zero_elects(),
                                .mass = combination.mass(),
                                .scale = combination.scale(),
                                .normalize = combination.normalize()};
    const E* base = in.base_values + first;
    if (combination.consensus() == Consensus::none) {
      dispatch(merge_all, fused, base, ending, out.size(), out.data());
      return true;
    }
    BitsOf<T> most_votes = 0;
    dispatch(merge_elected, fused, base, ending, out.size(), out.data(), &most_votes);
    return most_votes < std::bit_cast<BitsOf<T>>(std::numeric_limits<T>::infinity());
  }

  bool uses_flags() const {
    if constexpr (Trim::by_flags) return trim_.only_drops();
    return false;
  }

  /// Which elements of a piece stay: as was noted, or as the trim says once more.
  template <class E>
  void write_flags(const Tile<E>& in, std::size_t m, std::size_t first, std::size_t count, std::uint8_t* flags) const {
    if constexpr (Trim::by_flags) {
      if (!in.notes || !rescale_.notes()) return trim_.flag(in, m, first, count, flags);
      dispatch(unpack_flags, static_cast<const std::uint8_t*>(in.notes.from(first).of(m)), count, flags);
    }
  }

  /// Keys of 32 bits are below 2^31.
  template <class Key>
  static Key as_key(std::uint64_t key) {
    return sizeof(Key) == 8 ? static_cast<Key>(key) : static_cast<Key>(std::min(key, std::uint64_t{1} << 31));
  }

  /// Calls body(first, entries) for the sub-tiles of a tile.
  template <class E, class Body>
  void for_each_entries(const Tile<E>& in, const Body& body) const {
    using T = ValueOf<E>;
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
  template <class E, class T>
  void weigh(const Tile<E>& in, std::size_t m, std::size_t first, std::size_t count, T* entry) const {
    const auto weight = static_cast<T>(in.tensor.settings.per_model("weight")[m]);
    const auto factor = static_cast<T>(rescale_.factor(in.tensor, m));
    const E *x = in.model_values[m] + first, *base = in.base_values + first;
    const auto kept = trim_.kept_keys(in.tensor, m, run_in_group(in.tensor, m, in.range.first + first, count));
    if (kept && wide_) return dispatch(weigh_in_range, x, base, kept->low, kept->high, factor, weight, count, entry);
    if (kept) {
      return dispatch(weigh_in_range, x, base, as_key<std::uint32_t>(kept->low), as_key<std::uint32_t>(kept->high),
                      factor, weight, count, entry);
    }
    if (uses_flags()) {
      const auto flags = std::make_unique_for_overwrite<std::uint8_t[]>(flag_room(count));
      write_flags(in, m, first, count, flags.get());
      return dispatch(weigh_by_flags, x, base, static_cast<const std::uint8_t*>(flags.get()), factor, weight, count,
                      entry);
    }
    if constexpr (requires(const DeltaRun<T>& run) { trim_.apply(run); }) {
      const auto run = delta_run(in, m, first, count, entry);
      trim_.prepare(run);
      trim_.apply(run);
      if (factor != T{1}) dispatch(multiply, factor, static_cast<const T*>(entry), count, entry);
      dispatch(multiply, weight, static_cast<const T*>(entry), count, entry);
    }
  }

  std::size_t models_;
  bool wide_;
  Trim trim_;
  Rescale rescale_;
  ZeroSign zero_sign_;
};

}  // namespace stockpot::methods
