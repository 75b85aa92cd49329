#include "plan/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "plan/tensor_names.hpp"

namespace stockpot::plan {
namespace {

std::vector<std::string_view> components(std::string_view name) {
  std::vector<std::string_view> all;
  Components parts(name);
  while (const auto part = parts.next()) all.push_back(*part);
  return all;
}

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

constexpr std::array<std::string_view, 15> post_components{
    "lm_head",         "embed_out",        "output_layer",   "vocab_projector", "cls",
    "score",           "classifier",       "pre_classifier", "pooler",          "qa_outputs",
    "vocab_transform", "vocab_layer_norm", "post_layernorm", "layernorm_post",  "vision_adapter"};

std::size_t shared_components(std::string_view a, std::string_view b) {
  const auto left = components(a), right = components(b);
  const auto [end, other] = std::ranges::mismatch(left, right);
  return static_cast<std::size_t>(end - left.begin());
}

}  // namespace

Layout::Layout(std::span<const std::string_view> names, const ModelConfig& config)
    : stacks_(find_stacks(names, config)), primary_stack_(find_primary(stacks_)) {
  for (std::size_t s = 0; s < stacks_.size(); ++s) stack_of_container_.emplace(stacks_[s].container, s);
  if (!config.architectures.empty()) facts_ = find_architecture_facts(config.architectures.front());
  make_modules(facts_);
}

void Layout::make_modules(const ArchitectureFacts* facts) {
  module_of_stack_.assign(stacks_.size(), 0);
  std::vector<bool> placed(stacks_.size(), false);
  const auto known = facts != nullptr ? std::span<const ModuleFacts>(facts->modules) : std::span<const ModuleFacts>();
  for (const ModuleFacts& module : known) {
    Module made{std::string(module.name), {}, std::nullopt};
    for (const std::string_view container : module.containers) {
      const auto stack = stack_of_container_.find(container);
      if (stack == stack_of_container_.end() || made.stack) continue;
      made.stack = stack->second;
      made.aliases.push_back(stack->first);
      placed[stack->second] = true;
      module_of_stack_[stack->second] = modules_.size();
    }
    modules_.push_back(std::move(made));
  }
  for (std::size_t s = 0; s < stacks_.size() && known.empty(); ++s) {
    const bool alone = stacks_.size() == 1;
    module_of_stack_[s] = modules_.size();
    placed[s] = true;
    modules_.push_back({alone ? "default" : stacks_[s].container,
                        alone ? std::vector{stacks_[s].container} : std::vector<std::string>{}, s});
  }
  if (modules_.empty()) modules_.push_back({"default", {}, std::nullopt});
  const auto primary =
      std::ranges::find_if(modules_, [&](const Module& m) { return m.stack && m.stack == primary_stack_; });
  if (primary != modules_.end()) primary_module_ = static_cast<std::size_t>(primary - modules_.begin());
  if (known.empty() && stacks_.size() > 1) modules_[primary_module_].aliases.emplace_back("default");
  for (std::size_t s = 0; s < stacks_.size(); ++s) {
    if (!placed[s]) module_of_stack_[s] = module_of_loose(stacks_[s].container + ".");
  }
}

std::optional<std::size_t> Layout::find_module(std::string_view name) const {
  const auto at = std::ranges::find_if(modules_, [&](const Module& module) {
    return module.name == name || std::ranges::find(module.aliases, name) != module.aliases.end();
  });
  return at == modules_.end() ? std::nullopt : std::optional(static_cast<std::size_t>(at - modules_.begin()));
}

Place Layout::place(std::string_view name) const {
  const auto parts = split_at_index(name);
  const auto at = parts ? stack_of_container_.find(parts->container) : stack_of_container_.end();
  if (at == stack_of_container_.end()) {
    Place loose;
    loose.module = module_of_loose(name);
    loose.position = is_after(name) ? Position::after : Position::before;
    return loose;
  }
  const Stack& stack = stacks_[at->second];
  Place place{.module = module_of_stack_[at->second],
              .position = Position::layer,
              .stack = at->second,
              .layer = parts->index - stack.first_index,
              .suffix = parts->suffix};
  if (parts->index < stack.first_index) {
    place.position = Position::before;
  } else if (place.layer >= stack.layers) {
    place.position = Position::after;
    place.moves = true;
  }
  return place;
}

std::string Layout::renumbered(const Place& place, std::uint64_t layer) const {
  const Stack& stack = stacks_[place.stack];
  return fmt::format("{}{}{:0{}}{}{}", stack.container, stack.container.empty() ? "" : ".", layer + stack.first_index,
                     stack.digits, place.suffix.empty() ? "" : ".", place.suffix);
}

std::size_t Layout::module_of_loose(std::string_view name) const {
  std::size_t best = primary_module_, longest = 0;
  for (std::size_t m = 0; m < modules_.size(); ++m) {
    if (facts_ != nullptr) {
      const auto& prefixes = facts_->modules[m].prefixes;
      if (std::ranges::any_of(prefixes, [&](std::string_view prefix) { return name.starts_with(prefix); })) return m;
    }
    if (!modules_[m].stack) continue;
    const std::size_t shared = shared_components(name, stacks_[*modules_[m].stack].container);
    if (shared > longest || (shared == longest && m == primary_module_)) best = m;
    longest = std::max(longest, shared);
  }
  return best;
}

bool Layout::is_after(std::string_view loose_name) const {
  const auto parts = components(loose_name);
  const bool listed = std::ranges::any_of(
      parts, [](std::string_view part) { return std::ranges::find(post_components, part) != post_components.end(); });
  if (listed || parts.front() == "output") return true;
  return std::ranges::any_of(stacks_, [&](const Stack& stack) {  // a norm beside the stack
    const auto dot = stack.container.rfind('.');
    const std::string_view parent =
        dot == std::string::npos ? "" : std::string_view(stack.container).substr(0, dot + 1);
    return loose_name.starts_with(parent) && is_norm(components(loose_name.substr(parent.size())).front());
  });
}

}  // namespace stockpot::plan
