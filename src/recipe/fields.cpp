#include "recipe/fields.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/nearest.hpp"
#include "recipe/number.hpp"
#include "recipe/slips.hpp"

namespace stockpot::recipe {
namespace {

void report_kind(Diagnostics& diagnostics, const Node& node, std::string_view expected, std::string help = "") {
  report(diagnostics, "CFG020", node, fmt::format("expected {}, found {}", expected, node.kind_name()),
         std::move(help));
}

std::string listed(const std::vector<std::string>& choices) {
  std::string list;
  for (const std::string& choice : choices) list += (list.empty() ? "" : ", ") + choice;
  return list;
}

/// What an unknown key could have been.
std::string help_on_key(const std::string& key, const std::vector<std::string>& known) {
  const std::string odd = odd_space_help(key);
  return odd.empty() ? did_you_mean(key, known) : odd;
}

}  // namespace

Fields::Fields(const Node& mapping, const std::vector<std::string>& known, Diagnostics& diagnostics,
               Severity unknown_key, std::string_view meant_key)
    : mapping_(mapping), diagnostics_(&diagnostics) {
  if (!mapping.is_mapping()) {
    const bool is_value = !meant_key.empty() && mapping.is_scalar();
    report_kind(diagnostics, mapping, "a mapping",
                is_value ? "write " + in_quotes(fmt::format("{{{}: {}}}", meant_key, mapping.text)) : "");
    return;
  }
  members_ = mapping.members();
  for (const Node::Member& member : members_) {
    if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
    if (lacks_space(member, unknown_key, diagnostics)) continue;
    unknown_.push_back(member);
    diagnostics.add({unknown_key, "CFG006", member.key_at, fmt::format("unknown key {}", in_quotes(member.key)),
                     help_on_key(member.key, known)});
  }
}

bool lacks_space(const Node::Member& member, Severity severity, Diagnostics& diagnostics) {
  const std::size_t colon = member.key.find(':');
  if (!member.value.is_null() || colon == std::string::npos || colon + 1 == member.key.size()) return false;
  diagnostics.add({severity, "CFG006", member.key_at, fmt::format("key {} has no value", in_quotes(member.key)),
                   fmt::format("YAML wants a space after the colon: {}: {}", in_quotes(member.key.substr(0, colon)),
                               in_quotes(member.key.substr(colon + 1)))});
  return true;
}

const Node::Member* Fields::member(std::string_view key) const {
  const auto found = std::find_if(members_.begin(), members_.end(), [&](const auto& m) { return m.key == key; });
  return found == members_.end() ? nullptr : &*found;
}

const Node* Fields::find(std::string_view key) const {
  const Node::Member* const found = member(key);
  return found == nullptr || found->value.is_null() ? nullptr : &found->value;
}

const Node* Fields::find_filled(std::string_view key) const {
  const Node* const value = find(key);
  return value != nullptr && (value->is_scalar() || !value->empty()) ? value : nullptr;
}

const Node* Fields::require(std::string_view key) const {
  const Node* const value = find(key);
  if (value != nullptr || !mapping_.is_mapping()) return value;
  const Node::Member* const without_value = member(key);
  if (without_value != nullptr) {
    diagnostics_->error("CFG005", without_value->key_at, fmt::format("key '{}' needs a value", key));
  } else {
    report(*diagnostics_, "CFG005", mapping_, fmt::format("key '{}' is missing", key));
  }
  return nullptr;
}

Position Fields::key_at(std::string_view key) const {
  const Node::Member* const found = member(key);
  return found == nullptr ? Position{} : found->key_at;
}

std::vector<Node> read_sequence(const Node& node, Diagnostics& diagnostics) {
  std::vector<Node> items;
  if (!node.is_sequence()) {
    report_kind(diagnostics, node, "a sequence");
    return items;
  }
  for (Node::Member& member : node.members()) items.push_back(std::move(member.value));
  return items;
}

std::optional<std::string> read_text(const Node& node, Diagnostics& diagnostics) {
  if (node.is_scalar()) return node.text;
  report_kind(diagnostics, node, "a text");
  return std::nullopt;
}

std::optional<bool> read_boolean(const Node& node, Diagnostics& diagnostics) {
  const auto text = read_text(node, diagnostics);
  if (!text) return std::nullopt;
  const ReadNumber number = read_number(*text, node.quoted);
  if (number.kind == ReadNumber::Kind::number && (number.value == 0.0 || number.value == 1.0))
    return number.value == 1.0;
  report(diagnostics, "CFG052", node, fmt::format("{} is neither true nor false", in_quotes(*text)));
  return std::nullopt;
}

std::optional<std::uint64_t> read_whole_number(const Node& node, Diagnostics& diagnostics) {
  const auto text = read_text(node, diagnostics);
  if (!text) return std::nullopt;
  const auto number = read_unsigned(*text, node.quoted);
  if (!number)
    report(diagnostics, "CFG021", node, fmt::format("{} is not a whole number below 2^64", in_quotes(*text)));
  return number;
}

std::optional<double> read_double(const Node& node, Diagnostics& diagnostics) {
  const auto text = read_text(node, diagnostics);
  if (!text) return std::nullopt;
  const ReadNumber number = read_number(*text, node.quoted);
  if (number.kind == ReadNumber::Kind::number) return number.value;
  const bool finite = number.kind != ReadNumber::Kind::non_finite;
  report(diagnostics, finite ? "CFG021" : "CFG022", node,
         fmt::format("{} is not a {}number", in_quotes(*text), finite ? "" : "finite "), decimal_point_help(*text));
  return std::nullopt;
}

std::optional<std::size_t> read_choice(const Node& node, const std::vector<std::string>& choices,
                                       Diagnostics& diagnostics) {
  const auto text = read_text(node, diagnostics);
  if (!text) return std::nullopt;
  const auto found = std::find(choices.begin(), choices.end(), *text);
  if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  report(diagnostics, "CFG052", node, fmt::format("{} is none of: {}", in_quotes(*text), listed(choices)),
         did_you_mean(*text, choices));
  return std::nullopt;
}

}  // namespace stockpot::recipe
