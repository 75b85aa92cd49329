// The containers of a model as a tree of their components, so that finding a name's place takes time that grows with the
// name alone: files may have as many stacks as tensors.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stockpot::plan {

class ContainerTree {
 public:
  /// A stack of layers: what stands beside it has the container's parent.
  void add_stack(std::string_view container);
  /// Names that begin like the container are of this module, unless they share more components with another's. Where
  /// they share equally many, the first module added has them, or the one that `wins`.
  void add_module(std::string_view container, std::size_t module, bool wins);

  /// @return nothing for a name that shares no component with any module's container.
  std::optional<std::size_t> module_of(std::string_view name) const;
  /// Whether the name, up to one of its norms, is the parent of a stack: "model.norm.weight" beside "model.layers".
  bool has_norm_beside_stack(std::string_view name) const;

 private:
  struct Node {
    std::map<std::string, std::size_t, std::less<>> next;  // component -> index into nodes_
    std::optional<std::size_t> module;
    bool holds_stack = false;
  };
  std::size_t child(std::size_t node, std::string_view component);

  std::vector<Node> nodes_{1};  // the root first
};

}  // namespace stockpot::plan
