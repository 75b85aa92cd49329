#include "plan/selection.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/expression.hpp"
#include "core/nearest.hpp"

namespace stockpot::plan {
namespace {

/// What users may have meant by a filter: the parts of names.
std::vector<std::string> name_components(std::span<const std::string_view> names) {
  std::set<std::string_view> parts;
  for (std::string_view name : names) {
    for (std::size_t dot = 0; dot != std::string_view::npos; name.remove_prefix(dot + 1)) {
      dot = name.find('.');
      parts.insert(name.substr(0, dot));
      if (dot == std::string_view::npos) break;
    }
  }
  return {parts.begin(), parts.end()};
}

}  // namespace

Selection::Selection(const recipe::Extensions& extensions) {
  for (const std::string& filter : extensions.include)
    include_.push_back({recipe::Filter(filter), extensions.include_at});
  for (const std::string& filter : extensions.exclude)
    exclude_.push_back({recipe::Filter(filter), extensions.exclude_at});
  for (const auto& override : extensions.overrides)
    overrides_.push_back({recipe::Filter(override.filter), override.at});
}

bool Selection::any(const std::vector<Placed>& filters, std::string_view name) {
  return std::ranges::any_of(filters, [&](const Placed& placed) { return placed.filter.matches(name); });
}

bool Selection::excludes(std::string_view name) const {
  return (!include_.empty() && !any(include_, name)) || any(exclude_, name);
}

std::optional<std::size_t> Selection::override_of(std::string_view name) const {
  const auto at = std::ranges::find_if(overrides_, [&](const Placed& placed) { return placed.filter.matches(name); });
  return at == overrides_.end() ? std::nullopt : std::optional(static_cast<std::size_t>(at - overrides_.begin()));
}

void Selection::judge_filters(std::span<const std::string_view> names, std::set<FilterPlace>& live,
                              std::set<FilterPlace>& idle) const {
  for (const auto* list : {&include_, &exclude_, &overrides_}) {
    for (const Placed& placed : *list) {
      const auto matches = [&](std::string_view name) { return placed.filter.matches(name); };
      (std::ranges::any_of(names, matches) ? live : idle).insert({placed.at, placed.filter.text()});
    }
  }
}

void report_idle_filters(std::span<const std::string_view> names, const std::set<FilterPlace>& live,
                         const std::set<FilterPlace>& idle, recipe::Diagnostics& diagnostics) {
  std::vector<std::string> components;
  for (const FilterPlace& place : idle) {
    if (live.contains(place)) continue;
    if (components.empty()) components = name_components(names);
    diagnostics.warn("CFG046", place.at, fmt::format("filter '{}' matches no tensor", place.filter),
                     did_you_mean(place.filter, components));
  }
}

Renaming::Renaming(std::span<const recipe::Rename> renames) {
  for (const recipe::Rename& rename : renames) rules_.emplace_back(bounded_regex(rename.from), rename.to);
}

std::string Renaming::operator()(std::string_view name) const {
  std::string renamed(name);
  for (const auto& [from, to] : rules_) {
    renamed = std::regex_replace(renamed, from, to, std::regex_constants::format_first_only);
  }
  return renamed;
}

}  // namespace stockpot::plan
