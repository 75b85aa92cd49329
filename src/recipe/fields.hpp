// The keys of a mapping, and values of the types that recipes have. Every mistake is reported where it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/node.hpp"

namespace stockpot::recipe {

/// The keys of one mapping. A key without a value counts as absent.
class Fields {
 public:
  /// Reports a node that is no mapping (CFG020; it then has no keys) and keys other than `known` (CFG006).
  /// @param meant_key  whose value a scalar in place of the mapping is meant to be; may be empty.
  Fields(const Node& mapping, const std::vector<std::string>& known, Diagnostics& diagnostics,
         Severity unknown_key = Severity::warning, std::string_view meant_key = "");

  const Node* find(std::string_view key) const;
  /// The same; a list or mapping without entries counts as absent, too.
  const Node* find_filled(std::string_view key) const;
  /// Like find(); reports a key that is absent or has no value (CFG005).
  const Node* require(std::string_view key) const;
  /// Keys other than those that are known.
  const std::vector<Node::Member>& unknown() const { return unknown_; }
  /// Of the key itself, if it is there.
  Position key_at(std::string_view key) const;

 private:
  const Node::Member* member(std::string_view key) const;
  Node mapping_;
  std::vector<Node::Member> members_, unknown_;
  Diagnostics* diagnostics_;
};

/// Whether a key such as `t:0.5` stands where `t: 0.5` was meant; reports that (CFG006).
bool lacks_space(const Node::Member& member, Severity severity, Diagnostics& diagnostics);

/// The children of a sequence; reports any other node (CFG020).
std::vector<Node> read_sequence(const Node& node, Diagnostics& diagnostics);

/// A scalar as it is written. Reports a collection (CFG020).
std::optional<std::string> read_text(const Node& node, Diagnostics& diagnostics);
/// A word of YAML's, 0 or 1. Reports anything else (CFG020, CFG052).
std::optional<bool> read_boolean(const Node& node, Diagnostics& diagnostics);
/// A whole number below 2^64. Reports anything else (CFG020, CFG021).
std::optional<std::uint64_t> read_whole_number(const Node& node, Diagnostics& diagnostics);
/// A finite number. Reports anything else (CFG020, CFG021, CFG022).
std::optional<double> read_double(const Node& node, Diagnostics& diagnostics);
/// The index of one of `choices`. Reports anything else (CFG020, CFG052).
std::optional<std::size_t> read_choice(const Node& node, const std::vector<std::string>& choices,
                                       Diagnostics& diagnostics);

}  // namespace stockpot::recipe
