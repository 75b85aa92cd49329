#include "recipe/tensor_rules.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "recipe/filter.hpp"

namespace stockpot::recipe {
namespace {

/// {filter: ..., merge_method: ..., parameters: ...}
std::optional<Override> read_override(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"filter", "merge_method", "parameters"}, diagnostics, Severity::error);
  Override found{.filter = {}, .method = {}, .method_at = {}, .parameters = {}, .at = node.at};
  if (const Node* value = fields.find("merge_method")) {
    found.method = read_text(*value, diagnostics).value_or("");
    found.method_at = value->at;
  }
  if (const Node* value = fields.find("parameters")) found.parameters = read_parameters(*value, diagnostics);
  const Node* const filter_node = fields.require("filter");
  auto filter = filter_node != nullptr ? read_filter(*filter_node, diagnostics) : std::nullopt;
  if (!filter) return std::nullopt;
  found.filter = std::move(*filter);
  return found;
}

/// {from: EXPRESSION, to: TEXT}
std::optional<Rename> read_rename(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"from", "to"}, diagnostics, Severity::error);
  const Node* const from_node = fields.require("from");
  const Node* const to_node = fields.require("to");
  auto from = from_node != nullptr ? read_text(*from_node, diagnostics) : std::nullopt;
  auto to = to_node != nullptr ? read_text(*to_node, diagnostics) : std::nullopt;
  const auto problem = from ? check_filter("re:" + *from) : std::nullopt;
  if (problem)
    report(diagnostics, "CFG044", *from_node, fmt::format("bad expression {}: {}", in_quotes(*from), *problem));
  if (!from || !to || problem) return std::nullopt;
  return Rename{.from = std::move(*from), .to = std::move(*to), .at = node.at};
}

}  // namespace

std::vector<std::string> read_filters(const Node& node, Diagnostics& diagnostics) {
  std::vector<std::string> filters;
  for (const Node& entry : read_sequence(node, diagnostics)) {
    if (auto filter = read_filter(entry, diagnostics)) filters.push_back(std::move(*filter));
  }
  return filters;
}

void read_tensor_rules(const Fields& block, Extensions& extensions, Diagnostics& diagnostics) {
  if (const Node* value = block.find("include")) {
    extensions.include = read_filters(*value, diagnostics);
    extensions.include_at = value->at;
  }
  if (const Node* value = block.find("exclude")) {
    extensions.exclude = read_filters(*value, diagnostics);
    extensions.exclude_at = value->at;
  }
  if (const Node* value = block.find("exclude_action")) {
    if (read_choice(*value, {"copy", "drop"}, diagnostics) == 1u) extensions.exclude_action = ExcludeAction::drop;
  }
  if (const Node* value = block.find("overrides")) {
    for (const Node& entry : read_sequence(*value, diagnostics)) {
      if (auto found = read_override(entry, diagnostics)) extensions.overrides.push_back(std::move(*found));
    }
  }
  if (const Node* value = block.find("rename")) {
    for (const Node& entry : read_sequence(*value, diagnostics)) {
      if (auto found = read_rename(entry, diagnostics)) extensions.renames.push_back(std::move(*found));
    }
  }
}

}  // namespace stockpot::recipe
