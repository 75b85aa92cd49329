#include "plan/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <unordered_map>

namespace stockpot::plan {
namespace {

struct IndexedName {
  std::string_view container, suffix;
  std::uint64_t index = 0;
  std::size_t digits = 1;
};

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::vector<std::string_view> components(std::string_view name) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto dot = name.find('.');
    parts.push_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    name.remove_prefix(dot + 1);
  }
}

std::optional<IndexedName> split(std::string_view name) {
  for (std::size_t start = 0; start < name.size();) {
    const std::size_t dot = std::min(name.find('.', start), name.size());
    const std::string_view part = name.substr(start, dot - start);
    if (all_digits(part)) {
      IndexedName found{name.substr(0, start == 0 ? 0 : start - 1), name.substr(std::min(dot + 1, name.size())), 0,
                        part.size()};
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), found.index);
      return error == std::errc() ? std::optional(found) : std::nullopt;
    }
    start = dot + 1;
  }
  return std::nullopt;
}

/// What the names of one container say.
struct Container {
  std::map<std::uint64_t, std::set<std::string_view>> suffixes;  // by index
  std::size_t digits = 0;
  std::size_t names = 0;

  bool is_dense() const { return suffixes.begin()->first == 0 && suffixes.rbegin()->first == suffixes.size() - 1; }

  bool share(std::uint64_t a, std::uint64_t b) const {
    const auto& others = suffixes.at(b);
    return std::ranges::any_of(suffixes.at(a), [&](std::string_view suffix) { return others.contains(suffix); });
  }

  /// At least half of a layer's suffixes, on average, are those of every layer.
  bool is_even() const {
    std::unordered_map<std::string_view, std::size_t> layers_with;
    for (const auto& [index, layer] : suffixes) {
      for (const std::string_view suffix : layer) ++layers_with[suffix];
    }
    const auto everywhere =
        std::ranges::count_if(layers_with, [&](const auto& s) { return s.second == suffixes.size(); });
    return 2 * static_cast<std::size_t>(everywhere) * suffixes.size() >= names;
  }
};

bool is_count(std::uint64_t layers, std::span<const ModelConfig::LayerCount> counts) {
  return std::ranges::any_of(counts, [&](const auto& count) { return count.layers == layers; });
}

struct IndexRange {
  std::uint64_t first = 0, count = 0;
};

/// The indices that are layers, or nothing if the container is no stack. An entry at either end that has nothing in
/// common with its neighbour is none: one list may hold embedding, layers and head.
std::optional<IndexRange> layers_in(const Container& container, std::span<const ModelConfig::LayerCount> counts) {
  if (!container.is_dense()) return std::nullopt;
  const std::uint64_t n = container.suffixes.size();
  if (n >= 4) {
    const std::uint64_t first = container.share(0, 1) ? 0 : 1;
    const std::uint64_t last = container.share(n - 1, n - 2) ? 0 : 1;
    if (first + last > 0 && is_count(n - first - last, counts)) return IndexRange{first, n - first - last};
  }
  if (is_count(n, counts) || (n >= 2 && container.is_even())) return IndexRange{0, n};
  return std::nullopt;
}

/// Words by which a key of config.json and a container may belong together.
constexpr std::array<std::array<std::string_view, 2>, 5> kinship{
    {{"vision", "visual"}, {"audio", "audio"}, {"text", "language"}, {"encoder", "encoder"}, {"decoder", "decoder"}}};

/// 2 if both have a word of one line of `kinship`, -1 if only the key has one, else 0.
int likeness(std::string_view key, std::string_view container) {
  const auto has = [](std::string_view text, const auto& words) {
    return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
  };
  int score = 0;
  for (const auto& words : kinship) {
    if (!has(key, words)) continue;
    score += has(container, words) ? 2 : -1;
  }
  return score;
}

std::string count_key_of(const Stack& stack, std::span<const ModelConfig::LayerCount> counts) {
  const ModelConfig::LayerCount* best = nullptr;
  int best_score = 0;
  for (const auto& count : counts) {
    if (count.layers != stack.layers) continue;
    const int score = likeness(count.key, stack.container);
    if (best != nullptr && score <= best_score) continue;
    best = &count;
    best_score = score;
  }
  return best == nullptr ? "" : best->key;
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

Layout::Layout(std::span<const std::string_view> names, const ModelConfig& config) {
  find_stacks(names, config.layer_counts);
  if (!config.architectures.empty()) facts_ = find_architecture_facts(config.architectures.front());
  make_modules(facts_);
}

void Layout::find_stacks(std::span<const std::string_view> names, std::span<const ModelConfig::LayerCount> counts) {
  std::map<std::string_view, Container> containers;
  for (const std::string_view name : names) {
    const auto parts = split(name);
    if (!parts) continue;
    Container& container = containers[parts->container];
    container.suffixes[parts->index].insert(parts->suffix);
    container.digits = container.names++ == 0 ? parts->digits : std::min(container.digits, parts->digits);
  }
  for (const auto& [name, container] : containers) {
    const auto layers = layers_in(container, counts);
    if (!layers) continue;
    Stack stack{std::string(name), layers->count, layers->first, container.digits, ""};
    stack.count_key = count_key_of(stack, counts);
    stack_of_container_.emplace(stack.container, stacks_.size());
    stacks_.push_back(std::move(stack));
    names_in_.push_back(container.names);
  }
  // The language model's: linked to a count that belongs to nothing else; of several the largest.
  const auto rank = [&](std::size_t s) {
    const std::string& key = stacks_[s].count_key;
    const bool of_others = likeness(key, "vision audio") > 0;
    return std::pair(key.empty() ? 0 : of_others ? 1 : 2, names_in_[s]);
  };
  for (std::size_t s = 0; s < stacks_.size(); ++s) {
    if (!primary_stack_ || rank(s) > rank(*primary_stack_)) primary_stack_ = s;
  }
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
  const auto parts = split(name);
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
