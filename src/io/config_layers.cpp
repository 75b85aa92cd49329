#include "io/config_layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "core/error.hpp"

namespace stockpot::io {
namespace {

constexpr std::array<std::string_view, 19> per_layer_lists{"layer_types",
                                                           "layers_block_type",
                                                           "block_types",
                                                           "no_rope_layers",
                                                           "sliding_window_layers",
                                                           "attention_types",
                                                           "mlp_layer_types",
                                                           "moe_layers_enum",
                                                           "attention_layers",
                                                           "intermediate_size",
                                                           "num_attention_heads",
                                                           "num_key_value_heads",
                                                           "activation_sparsity_pattern",
                                                           "num_query_heads",
                                                           "num_kv_heads",
                                                           "ffn_multipliers",
                                                           "block_configs",
                                                           "attn_type_list",
                                                           "hybrid_layer_pattern"};
constexpr std::array<std::string_view, 6> layer_number_lists{"mlp_only_layers",          "full_attn_idxs",
                                                             "attn_layer_indices",       "hybrid_layer_ids",
                                                             "deepstack_visual_indexes", "moe_layers"};
constexpr std::array<std::string_view, 5> order_numbers{"max_window_layers", "first_k_dense_replace",
                                                        "num_nextn_predict_layers", "moe_layer_start_index",
                                                        "moe_layer_end_index"};
/// Also written shorter than there are layers, to be repeated.
constexpr std::array<std::string_view, 2> pattern_lists{"block_types", "attention_types"};
/// Every so many layers is another one.
constexpr std::array<std::string_view, 5> order_steps{"attn_layer_period", "expert_layer_period", "decoder_sparse_step",
                                                      "interleave_moe_layer_step", "moe_layer_interval"};

template <typename Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The entries of the layers that the output has, or nothing if the anchor lacks one of them.
std::optional<JsonText::Array> entries_from(const JsonText::Array& of_layers, const std::vector<std::uint64_t>& from) {
  JsonText::Array entries;
  for (const std::uint64_t layer : from) {
    if (layer >= of_layers.size()) return std::nullopt;
    entries.push_back(of_layers[layer]);
  }
  return entries;
}

/// The output's layers that come from those in the list, or nothing if it holds something else than layers, or does not
/// know one that the output has.
std::optional<JsonText::Array> numbers_after(const JsonText::Array& list, const ConfigEdits::Layers& stack) {
  std::vector<std::uint64_t> listed;
  for (const JsonText& item : list) {
    const auto layer = item.as_unsigned();
    if (!layer || *layer >= stack.before) return std::nullopt;
    listed.push_back(*layer);
  }
  std::sort(listed.begin(), listed.end());
  JsonText::Array numbers;
  for (std::size_t i = 0; i < stack.from.size(); ++i) {
    if (stack.from[i] >= stack.before) return std::nullopt;
    if (std::binary_search(listed.begin(), listed.end(), stack.from[i])) numbers.push_back(JsonText::number(i));
  }
  return numbers;
}

/// Layers were cut off at the end, at most.
bool keeps_numbers(const ConfigEdits::Layers& stack) {
  for (std::size_t i = 0; i < stack.from.size(); ++i) {
    if (stack.from[i] != i) return false;
  }
  return true;
}

class LayerEditor {
 public:
  LayerEditor(JsonText& config, const std::string& path, std::vector<std::string>& warnings)
      : config_(config), path_(path), warnings_(warnings) {}

  void edit(const ConfigEdits::Layers& stack) {
    const auto dot = stack.key.rfind('.');
    const bool is_nested = dot != std::string::npos;
    JsonText* object = config_.at_path(is_nested ? std::string_view(stack.key).substr(0, dot) : std::string_view());
    JsonText* count = object == nullptr ? nullptr : object->find(stack.key.substr(is_nested ? dot + 1 : 0));
    if (count != nullptr && std::find(edited_.begin(), edited_.end(), count) != edited_.end()) {
      if (count->as_unsigned() == stack.from.size()) return;  // two stacks of one length share their count
      count = nullptr;
    }
    if (count == nullptr) {
      warnings_.push_back(fmt::format("ARC032: {}: there is no place for {}", path_, layers_text(stack)));
      return;
    }
    *count = JsonText::number(stack.from.size());
    edited_.push_back(count);
    for (auto& [key, value] : *object->as_object()) edit_member(stack, key, value);
  }

 private:
  void edit_member(const ConfigEdits::Layers& stack, const std::string& key, JsonText& value) {
    const std::uint64_t number = value.as_unsigned().value_or(0);
    if ((is_one_of(order_numbers, key) && number > 0) || (is_one_of(order_steps, key) && number > 1)) {
      if (!keeps_numbers(stack)) warn("ARC031", stack, key, "depends on the order of layers, which has changed");
    }
    const auto* list = value.as_array();
    if (list == nullptr || std::find(edited_.begin(), edited_.end(), &value) != edited_.end()) return;
    if (is_one_of(layer_number_lists, key)) {
      replace(stack, key, value, numbers_after(*list, stack));
    } else if (list->size() == stack.before && is_one_of(per_layer_lists, key)) {
      replace(stack, key, value, entries_from(*list, stack.from));
    } else if (is_one_of(pattern_lists, key) && !list->empty()) {
      if (!keeps_numbers(stack)) warn("ARC031", stack, key, "is repeated over the layers, whose order has changed");
    } else if (list->size() == stack.before) {
      warn("ARC030", stack, key, "has as many entries as there were layers, but is not known");
    }
  }

  void replace(const ConfigEdits::Layers& stack, const std::string& key, JsonText& list,
               std::optional<JsonText::Array> changed) {
    if (!changed) return warn("ARC030", stack, key, "does not fit the layers that the output has");
    list = JsonText::array(std::move(*changed));
    edited_.push_back(&list);
  }

  void warn(const char* code, const ConfigEdits::Layers& stack, const std::string& key, const char* reason) {
    warnings_.push_back(fmt::format("{}: {}: {}, beside {}, {}; it stays as it is", code, path_, printable(key),
                                    layers_text(stack), reason));
  }

  JsonText& config_;
  const std::string& path_;
  std::vector<std::string>& warnings_;
  std::vector<const JsonText*> edited_;  // counts and lists: another stack of the same object leaves them alone
};

}  // namespace

void edit_layers(JsonText& config, const std::vector<ConfigEdits::Layers>& stacks, const std::string& path,
                 std::vector<std::string>& warnings) {
  LayerEditor editor(config, path, warnings);
  for (const auto& stack : stacks) editor.edit(stack);
}

std::string layers_text(const ConfigEdits::Layers& stack) {
  return fmt::format("{} = {}", stack.key.empty() ? "a layer count" : printable(stack.key), stack.from.size());
}

}  // namespace stockpot::io
