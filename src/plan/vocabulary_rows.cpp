#include "plan/vocabulary_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace stockpot::plan {
namespace {

/// Appends runs to a gather, joining those that continue one another.
class RunBuilder {
 public:
  explicit RunBuilder(Gather& gather) : gather_(gather) {}

  void stored(const RowHolder& holder, std::uint64_t row) { add(Gather::Kind::stored, part_of(holder), row); }
  void zero() { add(Gather::Kind::zero, 0, 0); }
  void mean_of_stored(std::uint64_t rows = 1) {
    if (rows > 0) add(Gather::Kind::mean_of_stored, 0, 0, rows);
  }
  void mean(const std::vector<std::pair<const RowHolder*, std::uint64_t>>& rows) {
    std::vector<Gather::PartRow> list;
    for (const auto& [holder, row] : rows) list.push_back({part_of(*holder), row});
    gather_.means.push_back(std::move(list));
    add(Gather::Kind::mean, static_cast<std::uint32_t>(gather_.means.size() - 1), 0);
  }

 private:
  std::uint32_t part_of(const RowHolder& holder) {
    const Gather::Part part{holder.model, holder.tensor};
    const auto known = std::ranges::find(gather_.parts, part);
    if (known != gather_.parts.end()) return static_cast<std::uint32_t>(known - gather_.parts.begin());
    gather_.parts.push_back(part);
    return static_cast<std::uint32_t>(gather_.parts.size() - 1);
  }

  void add(Gather::Kind kind, std::uint32_t part, std::uint64_t row, std::uint64_t count = 1) {
    if (!gather_.runs.empty()) {
      Gather::Run& last = gather_.runs.back();
      const bool continues =
          kind == Gather::Kind::stored ? last.part == part && last.row + last.count == row : kind != Gather::Kind::mean;
      if (last.kind == kind && continues) {
        last.count += count;
        next_ += count;
        return;
      }
    }
    gather_.runs.push_back({next_, count, kind, part, row});
    next_ += count;
  }

  Gather& gather_;
  std::uint64_t next_ = 0;
};

}  // namespace

std::uint64_t VocabularyRows::needed_rows(std::uint32_t model) const {
  const auto& ids = vocabulary_.own_ids[model];
  return ids.empty() ? 0 : static_cast<std::uint64_t>(*std::ranges::max_element(ids) + 1);
}

std::int64_t VocabularyRows::own_row(const RowHolder& holder, std::uint64_t id) const {
  const std::int32_t own = vocabulary_.own_ids[holder.model][id];
  return own >= 0 && static_cast<std::uint64_t>(own) < holder.rows ? own : -1;
}

const OutputVocabulary::Override* VocabularyRows::override_of(std::uint64_t id) const {
  const auto at = std::ranges::lower_bound(vocabulary_.overrides, id, {}, &OutputVocabulary::Override::id);
  return at != vocabulary_.overrides.end() && at->id == id ? &*at : nullptr;
}

Gather VocabularyRows::gather(const Shape& shape, const RowHolder& own, std::span<const RowHolder> holders,
                              const std::function<std::optional<RowHolder>(std::uint32_t model)>& donor,
                              std::vector<std::string>& problems) const {
  Gather gather{.shape = shape, .row_elements = shape.size() == 2 ? shape[1] : 1, .parts = {}, .runs = {}, .means = {}};
  RunBuilder rows(gather);
  const auto add_named = [&](const OutputVocabulary::Override& named) {
    const auto holder = donor(named.model);
    if (holder && named.row < holder->rows) return rows.stored(*holder, named.row);
    problems.push_back(fmt::format("token {}: model {} has no row {}", named.id, named.model, named.row));
    rows.zero();
  };
  const auto add_default = [&](std::uint64_t id) {
    std::vector<std::pair<const RowHolder*, std::uint64_t>> found;
    for (const RowHolder& holder : holders) {
      const std::int64_t row = own_row(holder, id);
      if (row >= 0) found.emplace_back(&holder, static_cast<std::uint64_t>(row));
    }
    const auto base = std::ranges::find_if(found, [](const auto& row) { return row.first->is_base; });
    if (found.empty()) return rows.zero();
    if (found.size() == 1) return rows.stored(*found.front().first, found.front().second);
    if (base != found.end()) return rows.stored(*base->first, base->second);
    rows.mean(found);
  };
  for (std::uint64_t id = 0; id < vocabulary_.tokens; ++id) {
    const auto* named = override_of(id);
    const std::int64_t row = own_row(own, id);
    if (vocabulary_.used[id] == 0) {
      rows.mean_of_stored();
    } else if (row >= 0 && (named == nullptr || !named->force)) {
      rows.stored(own, static_cast<std::uint64_t>(row));
    } else if (named == nullptr || named->kind == OutputVocabulary::Override::Kind::by_models) {
      add_default(id);
    } else if (named->kind == OutputVocabulary::Override::Kind::zero) {
      rows.zero();
    } else {
      add_named(*named);
    }
  }
  rows.mean_of_stored(vocabulary_.rows - vocabulary_.tokens);
  return gather;
}

std::uint64_t VocabularyRows::tokens_without_row(std::span<const RowHolder> holders) const {
  std::uint64_t count = 0;
  for (std::uint64_t id = 0; id < vocabulary_.tokens; ++id) {
    const auto* named = override_of(id);
    if (vocabulary_.used[id] == 0 || (named != nullptr && named->kind != OutputVocabulary::Override::Kind::by_models)) {
      continue;
    }
    const auto has_row = [&](const RowHolder& holder) { return own_row(holder, id) >= 0; };
    if (std::ranges::none_of(holders, has_row)) ++count;
  }
  return count;
}

}  // namespace stockpot::plan
