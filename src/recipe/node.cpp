#include "recipe/node.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "recipe/text.hpp"

namespace stockpot::recipe {
namespace {

constexpr std::size_t shown_key = 40;  // characters of a key in a path

Position inside(Position at, const Position& parent) {
  if (at.used_line != 0) return at;
  at.used_line = parent.used_line;
  at.used_column = parent.used_column;
  return at;
}

}  // namespace

std::vector<Node::Member> Node::members() const {
  if (children_ == nullptr) return {};
  std::vector<Member> all = *children_;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Member& child = all[i];
    child.key_at = inside(child.key_at, at);
    child.value.at = inside(child.value.at, at);
    const std::string_view dot = path.empty() ? "" : ".";
    child.value.path = is_sequence() ? fmt::format("{}[{}]", path, i)
                                     : fmt::format("{}{}{}", path, dot, first_characters(child.key, shown_key));
  }
  return all;
}

void Node::adopt(std::vector<Member> children) {
  std::uint64_t deepest = 0;
  for (const Member& child : children) {
    const Weight& inner = child.value.weight_;
    weight_.visits += inner.visits + (is_mapping() ? 1 : 0);
    weight_.text_bytes += inner.text_bytes + child.key.size();
    deepest = std::max(deepest, inner.levels);
  }
  weight_.levels = deepest + 1;
  children_ = std::make_shared<const std::vector<Member>>(std::move(children));
}

std::string_view Node::kind_name() const {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return "a single value";
    case Kind::sequence:
      return "a sequence";
    case Kind::mapping:
      return "a mapping";
  }
  return "";
}

void report(Diagnostics& diagnostics, std::string_view code, const Node& node, const std::string& message,
            std::string help) {
  const bool in_alias = node.at.used_line != 0 && !node.path.empty();
  diagnostics.error(code, node.at, in_alias ? fmt::format("{}: {}", node.path, message) : message, std::move(help));
}

}  // namespace stockpot::recipe
