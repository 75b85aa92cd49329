#include "plan/layers.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <unordered_map>

namespace stockpot::plan {
namespace {

struct LayerName {
  std::string_view container, suffix;
  std::uint64_t layer = 0;
};

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
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

std::optional<LayerName> split(std::string_view name) {
  for (std::size_t start = 0; start < name.size();) {
    const std::size_t dot = std::min(name.find('.', start), name.size());
    const std::string_view part = name.substr(start, dot - start);
    if (all_digits(part)) {
      LayerName split{name.substr(0, start == 0 ? 0 : start - 1), name.substr(std::min(dot + 1, name.size())), 0};
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), split.layer);
      return error == std::errc() ? std::optional(split) : std::nullopt;
    }
    start = dot + 1;
  }
  return std::nullopt;
}

/// What the names of one container say.
struct Container {
  std::set<std::uint64_t> layers;
  std::unordered_map<std::string_view, std::uint64_t> layers_with_suffix;
  std::uint64_t names = 0;

  bool is_stack(std::span<const ModelConfig::LayerCount> counts) const {
    const std::uint64_t n = layers.size();
    if (*layers.begin() != 0 || *layers.rbegin() != n - 1) return false;
    if (std::any_of(counts.begin(), counts.end(), [&](const auto& count) { return count.layers == n; })) return true;
    if (n < 2) return false;  // a lone number says nothing by itself
    const auto everywhere = std::count_if(layers_with_suffix.begin(), layers_with_suffix.end(),
                                          [&](const auto& suffix) { return suffix.second == n; });
    return 2 * static_cast<std::uint64_t>(everywhere) * n >= names;  // everywhere >= (names / n) / 2
  }
};

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

constexpr std::array<std::string_view, 14> post_components{
    "lm_head",         "embed_out",        "output_layer",   "vocab_projector", "cls",
    "score",           "classifier",       "pre_classifier", "pooler",          "qa_outputs",
    "vocab_transform", "vocab_layer_norm", "post_layernorm", "layernorm_post"};

}  // namespace

LayerStacks::LayerStacks(std::span<const std::string_view> names, std::span<const ModelConfig::LayerCount> counts) {
  std::map<std::string_view, Container> containers;
  for (const std::string_view name : names) {
    const auto parts = split(name);
    if (!parts) continue;
    Container& container = containers[parts->container];
    container.layers.insert(parts->layer);
    ++container.layers_with_suffix[parts->suffix];
    ++container.names;
  }
  for (const auto& [name, container] : containers) {
    if (container.is_stack(counts)) layers_of_.emplace(name, container.layers.size());
  }
}

double LayerStacks::depth(std::string_view name, double post_depth) const {
  if (const auto parts = split(name)) {
    const auto stack = layers_of_.find(parts->container);
    if (stack != layers_of_.end()) {
      if (stack->second == 1) return 1.0;
      return static_cast<double>(parts->layer) / static_cast<double>(stack->second - 1);
    }
  }
  return is_post(name) ? post_depth : 0.0;
}

double LayerStacks::layer_position(std::string_view name) const {
  const auto parts = split(name);
  const auto stack = parts ? layers_of_.find(parts->container) : layers_of_.end();
  if (stack == layers_of_.end() || stack->second == 1) return 0.0;
  return static_cast<double>(parts->layer) / static_cast<double>(stack->second - 1);
}

std::uint64_t LayerStacks::longest() const {
  std::uint64_t most = 0;
  for (const auto& [container, layers] : layers_of_) most = std::max(most, layers);
  return most;
}

bool LayerStacks::is_post(std::string_view loose_name) const {
  const auto parts = components(loose_name);
  const bool listed = std::any_of(parts.begin(), parts.end(), [](std::string_view part) {
    return std::find(post_components.begin(), post_components.end(), part) != post_components.end();
  });
  if (listed || parts.front() == "output") return true;
  return std::any_of(layers_of_.begin(), layers_of_.end(), [&](const auto& stack) {  // a norm beside the stack
    const std::string_view container = stack.first;
    const auto dot = container.rfind('.');
    const std::string_view parent = dot == std::string_view::npos ? "" : container.substr(0, dot + 1);
    return loose_name.starts_with(parent) && is_norm(components(loose_name.substr(parent.size())).front());
  });
}

}  // namespace stockpot::plan
