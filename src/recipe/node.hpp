// A YAML document as plain values: aliases followed, merge keys expanded, duplicate keys settled, places kept.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/diagnostics.hpp"

namespace stockpot::recipe {

/// A node. Cheap to copy: its children are shared and never change.
class Node {
 public:
  enum class Kind { null, scalar, sequence, mapping };
  struct Member;  ///< of a mapping; of a sequence, then without key

  Kind kind = Kind::null;
  std::string text;     ///< of a scalar
  bool quoted = false;  ///< the scalar stood in quotes, or as a block, or has the tag !!str
  Position at;
  std::string path;  ///< the keys that lead here: "models[1].parameters.weight"

  /// The children. What lies inside an alias knows where the alias stands.
  std::vector<Member> members() const;
  bool empty() const { return children_ == nullptr || children_->empty(); }
  void adopt(std::vector<Member> children);

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_sequence() const { return kind == Kind::sequence; }
  bool is_mapping() const { return kind == Kind::mapping; }
  std::string_view kind_name() const;  ///< "a mapping"

  /// What walking this node costs, aliases unfolded.
  struct Weight {
    std::uint64_t visits = 1;
    std::uint64_t text_bytes = 0;
    std::uint64_t levels = 0;  ///< of collections, this one included
  };
  const Weight& weight() const { return weight_; }
  void weigh_text() { weight_.text_bytes = text.size(); }

 private:
  std::shared_ptr<const std::vector<Member>> children_;
  Weight weight_;
};

struct Node::Member {
  std::string key;
  Position key_at;
  Node value;
};

/// Reports an error at a node; inside an alias with the keys that lead there.
void report(Diagnostics& diagnostics, std::string_view code, const Node& node, const std::string& message,
            std::string help = "");

}  // namespace stockpot::recipe
