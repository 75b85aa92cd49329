// What tensor names do not tell: the modules of architectures that have several, and odd names of last norms.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace stockpot::plan {

/// One module of a known architecture. Files of different age spell it differently.
struct ModuleFacts {
  std::string_view name;
  std::vector<std::string_view> containers;  ///< of its stack of layers; the first that a model has
  std::vector<std::string_view> prefixes;    ///< of tensors outside every stack that belong to it
};

struct ArchitectureFacts {
  std::vector<std::string_view> architectures;  ///< as config.json calls them
  std::vector<ModuleFacts> modules;             ///< none: they are its stacks
  std::vector<std::string_view> after = {};     ///< endings of tensors behind the layers that no rule takes for such
};

/// @return nullptr for an architecture that needs no facts: its modules are its stacks.
const ArchitectureFacts* find_architecture_facts(std::string_view architecture);
std::span<const ArchitectureFacts> all_architecture_facts();

}  // namespace stockpot::plan
