#include "plan/deal.hpp"

#include <optional>
#include <vector>

#include "partition/assign.hpp"

namespace stockpot::plan {
namespace {

/// Deals units to ranks: groups that stay whole as one item, everything else unit by unit.
class Dealer {
 public:
  Dealer(const MergePlan& plan, Schedule& schedule, const WaveBudget& budget)
      : plan_(plan), schedule_(schedule), budget_(budget), groups_(plan.groups.size()) {
    for (const Unit& unit : schedule_.units) {
      if (unit.rank == no_rank) continue;
      if (const auto group = group_of(unit)) {
        groups_[*group].read += read_bytes(plan_, unit);
        groups_[*group].stored += kept_unit_bytes(plan_, schedule_, unit) + unit_note_bytes(plan_, schedule_, unit);
        groups_[*group].written += unit.done ? 0 : write_bytes(plan_, unit);
        ++groups_[*group].units;
      }
    }
  }

  void deal() {
    choose_shared();
    std::vector<std::uint64_t> costs;
    std::vector<std::size_t> item_of(schedule_.units.size());
    std::vector<std::size_t> item_of_group(groups_.size(), none);
    for (std::size_t u = 0; u < item_of.size(); ++u) {
      const Unit& unit = schedule_.units[u];
      if (unit.rank == no_rank) continue;
      const auto group = group_of(unit);
      const bool whole = group && schedule_.group_is_shared[*group] == 0;
      if (whole && item_of_group[*group] != none) {
        item_of[u] = item_of_group[*group];
        continue;
      }
      item_of[u] = costs.size();
      if (whole) item_of_group[*group] = item_of[u];
      costs.push_back(whole ? cost(*group, 1) : unit_cost(unit, group));
    }
    const auto rank_of = partition::assign(costs, schedule_.options.ranks);
    for (std::size_t u = 0; u < item_of.size(); ++u) {
      if (schedule_.units[u].rank != no_rank) schedule_.units[u].rank = rank_of[item_of[u]];
    }
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  struct GroupBytes {
    std::uint64_t read = 0, stored = 0, written = 0, units = 0;
  };

  std::optional<std::uint32_t> group_of(const Unit& unit) const { return statistics_group(plan_, unit); }

  /// How often a group's inputs are read when `ranks` share it.
  std::uint64_t readings(std::uint32_t group, std::uint64_t ranks) const {
    if (groups_[group].stored / ranks <= budget_.kept_bytes) return 1;
    return static_cast<std::uint64_t>(plan_.groups[group].needs.passes) + 1;
  }
  std::uint64_t cost(std::uint32_t group, std::uint64_t ranks) const {
    return groups_[group].read * readings(group, ranks) + groups_[group].written;
  }
  std::uint64_t unit_cost(const Unit& unit, std::optional<std::uint32_t> group) const {
    const std::uint64_t times = group ? readings(*group, schedule_.options.ranks) : 1;
    return read_bytes(plan_, unit) * times + (unit.done ? 0 : write_bytes(plan_, unit));
  }

  /// A group is shared if it spans tensors, or if one rank would get too much with it.
  void choose_shared() {
    const std::uint64_t ranks = schedule_.options.ranks;
    schedule_.group_is_shared.assign(groups_.size(), 0);
    if (ranks == 1) return;
    std::uint64_t total = 0;
    for (const Unit& unit : schedule_.units) {
      if (unit.rank != no_rank && !group_of(unit)) total += unit_cost(unit, std::nullopt);
    }
    for (std::uint32_t g = 0; g < groups_.size(); ++g) {
      if (groups_[g].units > 0) total += cost(g, 1);
    }
    for (std::uint32_t g = 0; g < groups_.size(); ++g) {
      const bool large = groups_[g].units > 1 && cost(g, 1) > total / ranks / 8;
      const bool spans = groups_[g].units > 0 && plan_.groups[g].tensors.size() > 1;
      schedule_.group_is_shared[g] = !plan_.groups[g].needs.one_rank && (large || spans) ? 1 : 0;
    }
  }

  const MergePlan& plan_;
  Schedule& schedule_;
  const WaveBudget& budget_;
  std::vector<GroupBytes> groups_;
};

}  // namespace

void deal(const MergePlan& plan, const WaveBudget& budget, Schedule& schedule) {
  Dealer(plan, schedule, budget).deal();
}

}  // namespace stockpot::plan
