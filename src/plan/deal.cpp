#include "plan/deal.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "partition/assign.hpp"

namespace stockpot::plan {
namespace {

enum class Kind { direct, local, shared };

/// What one rank gets as a whole.
struct Item {
  Kind kind = Kind::direct;
  Position position;           ///< where reading it begins
  std::uint64_t cost = 0;      ///< bytes moved, in all passes, and prices
  std::uint64_t transfer = 0;  ///< bytes moved once, by file that they come from or go to
  std::vector<std::uint32_t> units;
};

std::uint64_t counters_price(const MergePlan& plan, std::uint32_t group) {
  return plan.groups[group].needs.tally.counts * counter_price_bytes;
}

bool are_neighbours(const Item& a, const Item& b) {
  return a.kind == b.kind && a.position.model == b.position.model && a.position.file == b.position.file;
}

void join(Item& item, const Item& next) {
  item.cost += next.cost;
  item.transfer += next.transfer;
  item.units.insert(item.units.end(), next.units.begin(), next.units.end());
}

/// Deals units to ranks: groups that stay whole as one item, everything else unit by unit, and small neighbours together.
class Dealer {
 public:
  Dealer(const MergePlan& plan, Schedule& schedule, const WaveBudget& budget, const Readers* readers)
      : plan_(plan), schedule_(schedule), budget_(budget), readers_(readers), groups_(plan.groups.size()) {
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
    std::vector<Item> items = items_in_reading_order();
    std::vector<std::uint64_t> loads(schedule_.options.ranks, 0);
    std::erase_if(items, [&](const Item& item) { return is_for_reader(item, loads); });
    items = with_neighbours(std::move(items));
    std::vector<std::uint64_t> costs(items.size());
    std::ranges::transform(items, costs.begin(), &Item::cost);
    const auto rank_of = partition::assign(costs, schedule_.options.ranks, loads);
    for (std::size_t i = 0; i < items.size(); ++i) {
      for (const std::uint32_t u : items[i].units) schedule_.units[u].rank = rank_of[i];
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
    return groups_[group].read * readings(group, ranks) + groups_[group].written +
           groups_[group].units * unit_price_bytes + counters_price(plan_, group);
  }
  std::uint64_t moved_bytes(const Unit& unit, std::uint64_t readings) const {
    return read_bytes(plan_, unit) * readings + (unit.done ? 0 : write_bytes(plan_, unit));
  }
  std::uint64_t unit_cost(const Unit& unit, std::optional<std::uint32_t> group) const {
    return moved_bytes(unit, group ? readings(*group, schedule_.options.ranks) : 1) + unit_price_bytes;
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
      const bool large = groups_[g].units > 1 && is_too_much(g, total / ranks / 8);
      const bool spans = groups_[g].units > 0 && plan_.groups[g].tensors.size() > 1;
      schedule_.group_is_shared[g] = !plan_.groups[g].needs.one_rank && (large || spans) ? 1 : 0;
    }
  }

  /// Whether a group is to be dealt to several ranks: as others have it, if they have it.
  bool is_too_much(std::uint32_t group, std::uint64_t most) const {
    const auto is_split = readers_ ? readers_->is_split(plan_, plan_.groups[group].tensors.front()) : std::nullopt;
    return is_split.value_or(cost(group, 1) > most);
  }

  Kind kind_of(std::optional<std::uint32_t> group) const {
    if (!group) return Kind::direct;
    return schedule_.group_is_shared[*group] != 0 ? Kind::shared : Kind::local;
  }

  std::vector<Item> items_in_reading_order() const {
    std::vector<Item> items;
    std::vector<std::size_t> item_of_group(groups_.size(), none);
    for (std::uint32_t u = 0; u < schedule_.units.size(); ++u) {
      const Unit& unit = schedule_.units[u];
      if (unit.rank == no_rank) continue;
      const auto group = group_of(unit);
      const Kind kind = kind_of(group);
      const Position begin = position(plan_, unit);
      std::size_t own = kind == Kind::local ? item_of_group[*group] : none;
      if (own == none) {
        own = items.size();
        items.push_back({kind, begin, kind == Kind::local ? cost(*group, 1) : unit_cost(unit, group), 0, {}});
        if (kind == Kind::local) item_of_group[*group] = own;
      }
      const PlannedTensor& tensor = plan_.tensors[unit.tensor];
      const std::uint64_t files = tensor.sources.size() + (tensor.base ? 1 : 0) + 1;
      items[own].position = std::min(items[own].position, begin);
      items[own].transfer += moved_bytes(unit, 1) / files;
      items[own].units.push_back(u);
    }
    std::ranges::sort(items, {}, [](const Item& item) { return std::pair(item.position, item.units.front()); });
    return items;
  }

  /// Gives what somebody reads already to that rank.
  bool is_for_reader(const Item& item, std::vector<std::uint64_t>& loads) {
    const auto rank = readers_ ? readers_->rank_of(plan_, schedule_.units[item.units.front()]) : std::nullopt;
    if (!rank) return false;
    for (const std::uint32_t u : item.units) schedule_.units[u].rank = *rank;
    loads[*rank] += item.cost;
    return true;
  }

  /// Joins what is read one after the other until it makes a transfer, unless that is much of a rank's share.
  std::vector<Item> with_neighbours(std::vector<Item> items) const {
    const std::uint64_t total = std::accumulate(items.begin(), items.end(), std::uint64_t{0},
                                                [](std::uint64_t sum, const Item& item) { return sum + item.cost; });
    const std::uint64_t most = total / schedule_.options.ranks / items_per_rank;
    std::vector<Item> joined;
    for (Item& item : items) {
      if (!joined.empty() && are_neighbours(joined.back(), item) && joined.back().cost + item.cost <= most &&
          joined.back().transfer + item.transfer <= schedule_.options.chunk_bytes) {
        join(joined.back(), item);
      } else {
        joined.push_back(std::move(item));
      }
    }
    return joined;
  }

  const MergePlan& plan_;
  Schedule& schedule_;
  const WaveBudget& budget_;
  const Readers* readers_;
  std::vector<GroupBytes> groups_;
};

}  // namespace

std::uint64_t price_bytes(const MergePlan& plan, const RankWork& work) {
  std::uint64_t units = work.direct.size(), price = 0;
  for (const Wave& wave : work.shared) units += wave.units.size();
  for (const Wave& wave : work.local) {
    units += wave.units.size();
    for (const std::uint32_t g : wave.groups) price += counters_price(plan, g);
  }
  return price + units * unit_price_bytes;
}

void deal(const MergePlan& plan, const WaveBudget& budget, Schedule& schedule, const Readers* readers) {
  Dealer(plan, schedule, budget, readers).deal();
}

}  // namespace stockpot::plan
