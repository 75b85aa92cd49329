#include "plan/container_tree.hpp"

#include "plan/tensor_names.hpp"

namespace stockpot::plan {
namespace {

/// (final_|output_)?(layer_?norm|norm|ln)_?f?
bool is_norm(std::string_view component) {
  for (const std::string_view prefix : {"final_", "output_"}) {
    if (component.starts_with(prefix)) {
      component.remove_prefix(prefix.size());
      break;
    }
  }
  for (const std::string_view stem : {"layer_norm", "layernorm", "norm", "ln"}) {
    if (!component.starts_with(stem)) continue;
    const std::string_view rest = component.substr(stem.size());
    return rest.empty() || rest == "f" || rest == "_" || rest == "_f";
  }
  return false;
}

}  // namespace

std::size_t ContainerTree::child(std::size_t node, std::string_view component) {
  const auto found = nodes_[node].next.find(component);
  if (found != nodes_[node].next.end()) return found->second;
  nodes_[node].next.emplace(component, nodes_.size());
  nodes_.emplace_back();
  return nodes_.size() - 1;
}

void ContainerTree::add_stack(std::string_view container) {
  std::size_t node = 0, parent = 0;
  Components parts(container);
  while (const auto part = parts.next()) {
    parent = node;
    node = child(node, *part);
  }
  nodes_[parent].holds_stack = true;
}

void ContainerTree::add_module(std::string_view container, std::size_t module, bool wins) {
  std::size_t node = 0;
  Components parts(container);
  while (const auto part = parts.next()) {
    node = child(node, *part);
    if (wins || !nodes_[node].module) nodes_[node].module = module;
  }
}

std::optional<std::size_t> ContainerTree::module_of(std::string_view name) const {
  std::optional<std::size_t> module;
  std::size_t node = 0;
  Components parts(name);
  while (const auto part = parts.next()) {
    const auto found = nodes_[node].next.find(*part);
    if (found == nodes_[node].next.end()) break;
    node = found->second;
    if (nodes_[node].module) module = nodes_[node].module;
  }
  return module;
}

bool ContainerTree::has_norm_beside_stack(std::string_view name) const {
  std::size_t node = 0;
  Components parts(name);
  while (const auto part = parts.next()) {
    if (nodes_[node].holds_stack && is_norm(*part)) return true;
    const auto found = nodes_[node].next.find(*part);
    if (found == nodes_[node].next.end()) return false;
    node = found->second;
  }
  return false;
}

}  // namespace stockpot::plan
