#include "plan/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "plan/shapes.hpp"
#include "plan/tensor_names.hpp"

namespace stockpot::plan {
namespace {

constexpr std::array<std::string_view, 15> post_components{
    "lm_head",         "embed_out",        "output_layer",   "vocab_projector", "cls",
    "score",           "classifier",       "pre_classifier", "pooler",          "qa_outputs",
    "vocab_transform", "vocab_layer_norm", "post_layernorm", "layernorm_post",  "vision_adapter"};

/// T5 has its first layer alone hold what all layers of the stack add to their scores.
constexpr std::array<std::string_view, 1> held_by_first{"relative_attention_bias.weight"};

}  // namespace

Layout::Layout(std::span<const std::string_view> names, const ModelConfig& config)
    : stacks_(find_stacks(names, config)), primary_stack_(find_primary(stacks_)), first_holds_(stacks_.size(), false) {
  for (std::size_t s = 0; s < stacks_.size(); ++s) {
    stack_of_container_.emplace(stacks_[s].container, s);
    tree_.add_stack(stacks_[s].container);
  }
  if (!config.architectures.empty()) facts_ = find_architecture_facts(config.architectures.front());
  make_modules(facts_);
  find_held_by_first(names);
}

void Layout::find_held_by_first(std::span<const std::string_view> names) {
  std::vector<bool> in_others(stacks_.size(), false);
  for (const std::string_view name : names) {
    if (!ends_with_any(name, held_by_first)) continue;
    const Place place = this->place(name);
    if (place.position == Position::layer && place.layer > 0) in_others[place.stack] = true;
  }
  for (std::size_t s = 0; s < stacks_.size(); ++s) first_holds_[s] = !in_others[s];
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
  for (std::size_t m = 0; m < modules_.size(); ++m) {
    if (modules_[m].stack) tree_.add_module(stacks_[*modules_[m].stack].container, m, m == primary_module_);
  }
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
  } else if (place.layer == 0 && first_holds_[place.stack] && ends_with_any(name, held_by_first)) {
    place.position = Position::before;
  }
  return place;
}

std::string Layout::renumbered(const Place& place, std::uint64_t layer) const {
  const Stack& stack = stacks_[place.stack];
  if (place.moves) layer += place.layer - stack.layers;
  return fmt::format("{}{}{:0{}}{}{}", stack.container, stack.container.empty() ? "" : ".", layer + stack.first_index,
                     stack.digits, place.suffix.empty() ? "" : ".", place.suffix);
}

std::size_t Layout::module_of_loose(std::string_view name) const {
  for (std::size_t m = 0; facts_ != nullptr && m < facts_->modules.size(); ++m) {
    const auto& prefixes = facts_->modules[m].prefixes;
    if (std::ranges::any_of(prefixes, [&](std::string_view prefix) { return name.starts_with(prefix); })) return m;
  }
  return tree_.module_of(name).value_or(primary_module_);
}

bool Layout::is_after(std::string_view loose_name) const {
  Components parts(loose_name);
  for (bool first = true; const auto part = parts.next(); first = false) {
    if (first && *part == "output") return true;
    if (std::ranges::find(post_components, *part) != post_components.end()) return true;
  }
  if (facts_ != nullptr && ends_with_any(loose_name, facts_->after)) return true;
  return tree_.has_norm_beside_stack(loose_name);
}

}  // namespace stockpot::plan
