#include "recipe/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "recipe/fields.hpp"
#include "recipe/number.hpp"

namespace stockpot::recipe {
namespace {

std::optional<Scalar> read_scalar(const Node& node, Diagnostics& diagnostics) {
  if (!node.is_scalar()) {
    report(diagnostics, "CFG020", node, fmt::format("expected a number, found {}", node.kind_name()));
    return std::nullopt;
  }
  const ReadNumber number = read_number(node.text, node.quoted);
  switch (number.kind) {
    case ReadNumber::Kind::number:
      return number.value;
    case ReadNumber::Kind::text:
      return node.text;
    case ReadNumber::Kind::non_finite:
      report(diagnostics, "CFG022", node, fmt::format("{} is not finite", in_quotes(node.text)));
      return std::nullopt;
    case ReadNumber::Kind::too_large:
      report(diagnostics, "CFG021", node, fmt::format("{} is too large for a number", in_quotes(node.text)));
      return std::nullopt;
    case ReadNumber::Kind::base_60:
      report(diagnostics, "CFG021", node, fmt::format("{} is not a number", in_quotes(node.text)),
             "YAML 1.1 reads digits with colons in base 60; write a decimal number, or quotes for a text");
      return std::nullopt;
  }
  return std::nullopt;
}

/// A scalar, or a list of them: a gradient. Nothing: a mistake was reported.
std::optional<Setting::Case> read_values(const Node& node, Diagnostics& diagnostics) {
  if (node.is_sequence() && node.empty()) {
    report(diagnostics, "CFG043", node, "the list is empty", "leave the parameter out, or give it a value");
    return std::nullopt;
  }
  const std::vector<Node> points = node.is_sequence() ? read_sequence(node, diagnostics) : std::vector{node};
  Setting::Case found{.filter = "", .values = {}, .at = node.at};
  for (const Node& point : points) {
    if (auto value = read_scalar(point, diagnostics)) found.values.push_back(std::move(*value));
    found.texts.push_back(point.text);
  }
  return found.values.size() == points.size() ? std::optional(std::move(found)) : std::nullopt;
}

/// {value: ..., filter: ...}
std::optional<Setting::Case> read_case(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"value", "filter"}, diagnostics);
  const Node* const filter = fields.find("filter");
  std::string names = filter != nullptr ? read_filter(*filter, diagnostics).value_or("") : "";
  const Node* const value = fields.require("value");
  if (value == nullptr) return std::nullopt;
  auto found = read_values(*value, diagnostics);
  if (found) found->filter = std::move(names);
  return found;
}

void read_cases(const std::vector<Node>& nodes, Setting& setting, Diagnostics& diagnostics) {
  for (const Node& node : nodes) {
    if (auto found = read_case(node, diagnostics)) setting.cases.push_back(std::move(*found));
  }
}

bool is_layer_scale(const Node& node) {
  const auto members = node.is_mapping() ? node.members() : std::vector<Node::Member>{};
  return std::any_of(members.begin(), members.end(),
                     [](const Node::Member& member) { return member.key == "alpha" || member.key == "beta"; });
}

Setting::LayerScale read_layer_scale(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"alpha", "beta"}, diagnostics, Severity::error);
  Setting::LayerScale scale;
  if (const Node* alpha = fields.require("alpha")) scale.alpha = read_scalar(*alpha, diagnostics).value_or(1.0);
  if (const Node* beta = fields.find("beta")) scale.beta = read_scalar(*beta, diagnostics).value_or(0.0);
  return scale;
}

/// Without cases and scale: a mistake was reported.
Setting read_setting(const Node& node, Diagnostics& diagnostics) {
  Setting setting{.cases = {}, .at = node.at};
  if (is_layer_scale(node)) {
    setting.layer_scale = read_layer_scale(node, diagnostics);
    return setting;
  }
  if (node.is_mapping()) {
    read_cases({node}, setting, diagnostics);
    return setting;
  }
  const std::vector<Node> items = node.is_sequence() ? read_sequence(node, diagnostics) : std::vector<Node>{};
  const auto conditions = std::count_if(items.begin(), items.end(), [](const Node& item) { return item.is_mapping(); });
  if (conditions == 0) {
    if (auto values = read_values(node, diagnostics)) setting.cases.push_back(std::move(*values));
  } else if (static_cast<std::size_t>(conditions) == items.size()) {
    read_cases(items, setting, diagnostics);
  } else {
    report(diagnostics, "CFG042", node, "a list holds either values or mappings with 'value' and 'filter', not both");
  }
  return setting;
}

/// A default in place of a value that was forgotten would be a merge that nobody asked for.
void report_no_value(const Node::Member& member, Parameters& parameters, Diagnostics& diagnostics) {
  if (lacks_space(member, Severity::error, diagnostics)) return;
  diagnostics.error("CFG005", member.key_at, fmt::format("parameter {} has no value", in_quotes(member.key)),
                    "leave the parameter out, or give it a value");
  parameters.valueless.push_back({member.key, member.key_at});
}

}  // namespace

const Parameters::Entry* Parameters::find(std::string_view name) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

Parameters read_parameters(const Node& node, Diagnostics& diagnostics) {
  Parameters parameters;
  if (!node.is_mapping()) {
    report(diagnostics, "CFG020", node, fmt::format("expected a mapping of parameters, found {}", node.kind_name()));
    return parameters;
  }
  for (const Node::Member& member : node.members()) {
    if (member.value.is_null()) {
      report_no_value(member, parameters, diagnostics);
      continue;
    }
    Setting setting = read_setting(member.value, diagnostics);
    if (setting.cases.empty() && !setting.layer_scale) {
      parameters.valueless.push_back({member.key, member.key_at});
      continue;
    }
    parameters.entries.push_back({.name = member.key, .at = member.key_at, .setting = std::move(setting)});
  }
  return parameters;
}

Parameters parameters_of(const Fields& fields, Diagnostics& diagnostics) {
  const Node* const value = fields.find("parameters");
  Parameters parameters = value != nullptr ? read_parameters(*value, diagnostics) : Parameters{};
  for (const Node::Member& member : fields.unknown()) parameters.misplaced.push_back({member.key, member.key_at});
  return parameters;
}

std::optional<std::string> read_filter(const Node& node, Diagnostics& diagnostics) {
  auto filter = read_text(node, diagnostics);
  if (!filter) return std::nullopt;
  if (const auto problem = check_filter(*filter)) {
    report(diagnostics, "CFG044", node, fmt::format("bad filter {}: {}", in_quotes(*filter), *problem));
    return std::nullopt;
  }
  return *filter == "*" ? std::string() : std::move(filter);
}

}  // namespace stockpot::recipe
