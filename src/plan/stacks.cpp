#include "plan/stacks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "plan/tensor_names.hpp"

namespace stockpot::plan {
namespace {

using Counts = std::span<const ModelConfig::LayerCount>;

/// What the names of one container say.
struct Container {
  std::map<std::uint64_t, std::set<std::string_view>> suffixes;  // by index
  std::size_t digits = 0;
  std::size_t names = 0;
  std::size_t longest_padded = 0;  // digits of an index with zeros before it

  bool is_dense() const { return suffixes.begin()->first == 0 && suffixes.rbegin()->first == suffixes.size() - 1; }

  /// More than half of an entry's suffixes are its neighbour's, too.
  bool resembles(std::uint64_t entry, std::uint64_t neighbour) const {
    const auto& own = suffixes.at(entry);
    const auto& others = suffixes.at(neighbour);
    const auto shared = std::ranges::count_if(own, [&](std::string_view suffix) { return others.contains(suffix); });
    return 2 * static_cast<std::size_t>(shared) > own.size();
  }

  /// Two spellings of one number would become one name in the output.
  bool is_spelled_alike() const { return longest_padded <= digits; }

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

bool is_count(std::uint64_t layers, Counts counts) {
  return std::ranges::any_of(counts, [&](const auto& count) { return count.layers == layers; });
}

struct IndexRange {
  std::uint64_t first = 0, count = 0;
};

/// The indices that are layers, or nothing if the container is no stack. One list may hold embedding, layers and head:
/// an entry at either end is no layer if it has little in common with its neighbour and config.json does not count it.
/// (Not nothing in common: MixFormer's head has a norm that is called like those of the blocks.)
std::optional<IndexRange> layers_in(const Container& container, const ModelConfig& config) {
  const Counts counts = config.layer_counts;
  if (!container.is_dense() || !container.is_spelled_alike()) return std::nullopt;
  const std::uint64_t n = container.suffixes.size();
  if (is_count(n, counts)) return IndexRange{0, n};
  if (n >= 4) {
    const std::uint64_t first = container.resembles(0, 1) ? 0 : 1;
    const std::uint64_t last = container.resembles(n - 1, n - 2) ? 0 : 1;
    if (first + last > 0 && is_count(n - first - last, counts)) return IndexRange{first, n - first - last};
  }
  // What predicts further tokens is numbered like layers but is none: DeepSeek-V3 has 61 layers and entry 61.
  const std::uint64_t more = config.prediction_layers.value_or(0);
  if (more > 0 && more < n && is_count(n - more, counts)) return IndexRange{0, n - more};
  if (n >= 2 && container.is_even()) return IndexRange{0, n};
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

std::string count_key_of(const Stack& stack, Counts counts) {
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

std::map<std::string_view, Container> containers_of(std::span<const std::string_view> names) {
  std::map<std::string_view, Container> containers;
  for (const std::string_view name : names) {
    const auto parts = split_at_index(name);
    if (!parts) continue;
    Container& container = containers[parts->container];
    container.suffixes[parts->index].insert(parts->suffix);
    const bool padded = parts->digits > fmt::formatted_size("{}", parts->index);
    if (padded) container.longest_padded = std::max(container.longest_padded, parts->digits);
    container.digits = container.names++ == 0 ? parts->digits : std::min(container.digits, parts->digits);
  }
  return containers;
}

}  // namespace

std::vector<Stack> find_stacks(std::span<const std::string_view> names, const ModelConfig& config) {
  std::vector<Stack> stacks;
  for (const auto& [name, container] : containers_of(names)) {
    const auto layers = layers_in(container, config);
    if (!layers) continue;
    Stack stack{std::string(name), layers->count, layers->first, container.digits, "", container.names};
    stack.count_key = count_key_of(stack, config.layer_counts);
    stacks.push_back(std::move(stack));
  }
  return stacks;
}

std::optional<std::size_t> find_primary(std::span<const Stack> stacks) {
  const auto rank = [](const Stack& stack) {
    constexpr std::string_view others = "vision audio";
    const bool of_others = likeness(stack.count_key, others) > 0;
    if (!stack.count_key.empty() && !of_others) return std::pair(2, stack.names);
    // The text part of a config.json may leave its count to the library's defaults.
    return std::pair(of_others || likeness(others, stack.container) > 0 ? 0 : 1, stack.names);
  };
  std::optional<std::size_t> primary;
  for (std::size_t s = 0; s < stacks.size(); ++s) {
    if (!primary || rank(stacks[s]) > rank(stacks[*primary])) primary = s;
  }
  return primary;
}

}  // namespace stockpot::plan
