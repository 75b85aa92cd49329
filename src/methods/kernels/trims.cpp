#include "methods/kernels/trims.hpp"

#include <algorithm>

#include "methods/kernels/kept_flags.hpp"

namespace stockpot::methods {
namespace {

std::uint64_t part_of(double part, std::uint64_t elements) {
  return static_cast<std::uint64_t>(part * static_cast<double>(elements));
}

/// How many elements a density keeps of `elements`.
SelectTarget target_of(double density, std::uint64_t elements, bool at_least) {
  const std::uint64_t count = part_of(density, elements);
  if (density == 0.0) return {};
  if (density == 1.0 || count >= elements) return {.rank = elements};
  // The authors' threshold is the (n - k)-th smallest magnitude, that is the (k + 1)-th largest, and is kept itself.
  if (at_least) return {.rank = count + 1, .all_equal = true};
  return {.rank = std::max<std::uint64_t>(1, count)};
}

std::vector<SelectTarget> largest_targets(const Settings& settings, const GroupInfo& group) {
  const bool at_least = settings.choice("trim_rule") == "at_least";
  std::vector<SelectTarget> targets;
  for (const double density : settings.per_model("density")) {
    targets.push_back(target_of(density, group.elements, at_least));
    targets.back().vector = targets.size() - 1;
  }
  return targets;
}

/// For each model: all but the largest, and the smallest.
std::vector<SelectTarget> outlier_targets(const Settings& settings, const GroupInfo& group) {
  std::vector<SelectTarget> targets;
  for (std::size_t m = 0; m < settings.models(); ++m) {
    const double density = settings.per_model("density")[m];
    const OutlierCounts counts = outliers_of(density, settings.per_model("gamma")[m], group.elements);
    for (const std::uint64_t rank : {group.elements - counts.top, counts.bottom}) {
      targets.push_back({.vector = m, .rank = rank, .order = SelectOrder::smallest_first});
    }
  }
  return targets;
}

}  // namespace

void flag_dropout(const OutputTensor& tensor, std::size_t model, ElementRange range, double density,
                  std::uint8_t* flags) {
  const std::uint64_t below = keep_threshold(density);
  if (below == 0 || below > 0xFFFFFFFF) {
    std::fill_n(flags, range.count, below == 0 ? 0 : 1);
    return;
  }
  std::uint32_t room[word_room(sub_tile_elements)];
  const std::uint32_t* words = element_words(tensor.masks[model], range.first, range.count, room);
  dispatch(flag_by_word, words, static_cast<std::uint32_t>(below - 1), range.count, flags);
}

SelectOptions SelectingTrim::options(const Settings& settings, const GroupInfo& group) {
  return {.elements = group.elements,
          .wide = group.float64,
          .hashed_ties = settings.choice("tie_break") == "hash",
          .sampled = true};
}

SelectingTrim::SelectingTrim(const Settings& settings, const GroupInfo& group, std::span<const SelectTarget> targets)
    : select_(targets, options(settings, group)),
      pre_drops_(settings.declares("pre_drop") &&
                 std::ranges::any_of(settings.per_model("pre_drop"), [](double kept) { return kept != 1.0; })) {}

MagnitudeTrim::MagnitudeTrim(const Settings& settings, const GroupInfo& group)
    : SelectingTrim(settings, group, largest_targets(settings, group)),
      leaves_some_(std::ranges::all_of(settings.per_model("density"), [](double density) { return density > 0.0; })) {}

/// Two passes find the thresholds; as a rule some, but not all elements at a threshold are kept, and one more finds
/// which.
SelectNeeds MagnitudeTrim::needs(const Settings& settings, const GroupInfo& group) {
  const int passes = MagnitudeSelect::value_passes + (settings.choice("trim_rule") == "at_least" ? 0 : 1);
  return MagnitudeSelect::needs(group.models, group.models, passes, options(settings, group));
}

OutlierTrim::OutlierTrim(const Settings& settings, const GroupInfo& group)
    : SelectingTrim(settings, group, outlier_targets(settings, group)) {}

SelectNeeds OutlierTrim::needs(const Settings& settings, const GroupInfo& group) {
  const int passes = MagnitudeSelect::value_passes + 1;
  return MagnitudeSelect::needs(group.models, 2 * group.models, passes, options(settings, group));
}

OutlierCounts outliers_of(double density, double gamma, std::uint64_t elements) {
  if (density == 1.0) return {};
  const std::uint64_t keep = std::min(part_of(density, elements), elements);
  const std::uint64_t top = part_of(gamma, elements);
  if (keep + top > elements) return {.bottom = 0, .top = elements - keep};
  return {.bottom = elements - keep - top, .top = top};
}

}  // namespace stockpot::methods
