// From tensor names to stacks of layers, to what stands before and after them, and to modules.
//
// A name is cut at its first component that is all digits: what comes before is the container, the digits are the index,
// what comes after is the suffix. Architectures that nobody has described are understood by this alone; the table of
// architectures.hpp adds the names of modules.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalogue.hpp"
#include "plan/architectures.hpp"
#include "plan/container_tree.hpp"
#include "plan/stacks.hpp"

namespace stockpot::plan {

/// Where a tensor stands to the layers of its module.
enum class Position { before, layer, after };

struct Place {
  std::size_t module = 0;  ///< index into Layout::modules()
  Position position = Position::before;
  std::size_t stack = 0;    ///< index into Layout::stacks(); Position::layer only, but see `moves`
  std::uint64_t layer = 0;  ///< Position::layer; if it `moves`, what its index would be as a layer
  std::string_view suffix;  ///< what follows the index
  bool moves = false;       ///< Position::after: an entry of the stack's container that follows its layers
};

struct Module {
  std::string name;
  std::vector<std::string> aliases;  ///< accepted in recipes, too
  std::optional<std::size_t> stack;  ///< index into Layout::stacks()
};

class Layout {
 public:
  /// @param names  distinct tensor names, in any order.
  Layout(std::span<const std::string_view> names, const ModelConfig& config);

  const std::vector<Stack>& stacks() const { return stacks_; }
  const std::vector<Module>& modules() const { return modules_; }
  /// The module of the language model: the one that top-level slices are of, and that nameless tensors belong to.
  std::size_t primary_module() const { return primary_module_; }
  /// By name or alias.
  std::optional<std::size_t> find_module(std::string_view name) const;

  /// Of any name, also one that was not among the names.
  Place place(std::string_view name) const;
  /// The name of a tensor of a stack with its index changed to that of `layer`; of one that moves, after `layer` layers.
  std::string renumbered(const Place& place, std::uint64_t layer) const;

 private:
  void make_modules(const ArchitectureFacts* facts);
  void find_held_by_first(std::span<const std::string_view> names);
  std::size_t module_of_loose(std::string_view name) const;
  bool is_after(std::string_view loose_name) const;

  std::vector<Stack> stacks_;  // ascending by container
  std::optional<std::size_t> primary_stack_;
  std::vector<bool> first_holds_;  // parallel to the stacks: what layer 0 alone has of a kind stands before the layers
  std::map<std::string, std::size_t, std::less<>> stack_of_container_;
  ContainerTree tree_;
  std::vector<Module> modules_;
  std::vector<std::size_t> module_of_stack_;
  const ArchitectureFacts* facts_ = nullptr;
  std::size_t primary_module_ = 0;
};

}  // namespace stockpot::plan
