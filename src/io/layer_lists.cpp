#include "io/layer_lists.hpp"

#include <algorithm>
#include <utility>

namespace stockpot::io {
namespace {

/// Groups that are repeated a number of times each, all of them together once for each layer. Nothing if the groups do
/// not make exactly so many: the numbers are whatever the file says.
std::optional<JsonText::Array> layers_of_groups(const JsonText::Array& groups, std::uint64_t layers) {
  JsonText::Array all;
  for (const JsonText& group : groups) {
    const auto* pair = group.as_array();
    if (pair == nullptr || pair->size() != 2) return std::nullopt;
    const auto* kinds = (*pair)[0].as_array();
    const auto times = (*pair)[1].as_unsigned();
    if (kinds == nullptr || kinds->empty() || !times || *times > (layers - all.size()) / kinds->size()) {
      return std::nullopt;
    }
    for (std::uint64_t t = 0; t < *times; ++t) all.insert(all.end(), kinds->begin(), kinds->end());
  }
  return all.size() == layers ? std::optional(std::move(all)) : std::nullopt;
}

}  // namespace

std::optional<JsonText::Array> entries_from(const JsonText::Array& of_layers, const std::vector<std::uint64_t>& from) {
  JsonText::Array entries;
  for (const std::uint64_t layer : from) {
    if (layer >= of_layers.size()) return std::nullopt;
    entries.push_back(of_layers[layer]);
  }
  return entries;
}

std::optional<JsonText::Array> numbers_after(const JsonText::Array& list, std::uint64_t layers,
                                             const std::vector<std::uint64_t>& from, std::uint64_t first) {
  std::vector<std::uint64_t> listed;
  for (const JsonText& item : list) {
    const auto layer = item.as_unsigned();
    if (!layer || *layer < first || *layer - first >= layers) return std::nullopt;
    listed.push_back(*layer - first);
  }
  std::sort(listed.begin(), listed.end());
  JsonText::Array numbers;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] >= layers) return std::nullopt;
    if (std::binary_search(listed.begin(), listed.end(), from[i])) numbers.push_back(JsonText::number(i + first));
  }
  return numbers;
}

std::optional<JsonText::Array> pattern_after(const JsonText::Array& pattern, std::uint64_t layers,
                                             const std::vector<std::uint64_t>& from) {
  if (pattern.empty()) return std::nullopt;
  if (pattern.front().as_array() != nullptr) {
    const auto of_layers = layers_of_groups(pattern, layers);
    auto entries = of_layers ? entries_from(*of_layers, from) : std::nullopt;
    if (!entries) return std::nullopt;
    return JsonText::Array{JsonText::array({JsonText::array(std::move(*entries)), JsonText::number(1)})};
  }
  JsonText::Array entries;
  bool is_the_same = true;
  for (std::size_t i = 0; i < from.size(); ++i) {
    entries.push_back(pattern[from[i] % pattern.size()]);
    is_the_same = is_the_same && entries.back() == pattern[i % pattern.size()];
  }
  return is_the_same && pattern.size() != layers ? pattern : entries;
}

}  // namespace stockpot::io
