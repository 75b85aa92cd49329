#include "io/config_layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "io/layer_lists.hpp"
#include "io/layer_rules.hpp"
#include "io/shared_blocks.hpp"

namespace stockpot::io {
namespace {

constexpr std::array per_layer_lists = std::to_array<std::string_view>({"layer_types",
                                                                        "layers_block_type",
                                                                        "no_rope_layers",
                                                                        "sliding_window_layers",
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
                                                                        "hybrid_layer_pattern",
                                                                        "moe_layer_freq",
                                                                        "sliding_window",
                                                                        "indexer_types"});
/// Readers take another length for a mistake. What predicts further tokens may have entries behind those of the layers.
constexpr std::array<std::string_view, 3> exact_lists{"layer_types", "layers_block_type", "mlp_layer_types"};
constexpr std::array<std::string_view, 8> layer_number_lists{
    "cross_attention_layers", "global_attn_idx",  "mlp_only_layers",          "full_attn_idxs",
    "attn_layer_indices",     "hybrid_layer_ids", "deepstack_visual_indexes", "moe_layers"};
/// Texts of one character for each layer.
constexpr std::array<std::string_view, 2> layer_texts{"hybrid_override_pattern", "index_topk_pattern"};
/// Repeated over the layers.
constexpr std::array<std::string_view, 2> pattern_lists{"block_types", "attention_types"};
/// Where no rule of layer_rules.hpp speaks of them.
constexpr std::array<std::string_view, 1> order_numbers{"num_nextn_predict_layers"};
/// Every so many layers is another one.
constexpr std::array<std::string_view, 8> order_steps{
    "attn_layer_period",  "expert_layer_period", "decoder_sparse_step",        "encoder_sparse_step",
    "moe_layer_interval", "moe_layer_freq",      "global_attn_every_n_layers", "mb_per_layer"};

template <typename Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Layers were cut off at the end, at most.
bool keeps_numbers(const ConfigEdits::Layers& stack) {
  for (std::size_t i = 0; i < stack.from.size(); ++i) {
    if (stack.from[i] != i) return false;
  }
  return true;
}

/// Edits the object that holds one stack's count.
class StackEditor {
 public:
  /// @param edited  keys with their path, counts and lists: another stack of the same object leaves them alone.
  StackEditor(const ConfigEdits::Layers& stack, JsonText& object, const std::string& path, std::string object_path,
              std::set<std::string>& edited, std::vector<std::string>& warnings)
      : stack_(stack),
        object_(object),
        path_(path),
        object_path_(std::move(object_path)),
        edited_(edited),
        warnings_(warnings) {}

  void edit() {
    const std::vector<Wanted> wanted = wanted_kinds();
    check_shared_blocks();
    for (auto& [key, value] : *object_.as_object()) edit_member(key, value);
    for (const Wanted& one : wanted) settle(one);
  }

 private:
  /// What a rule says of the layers that the output has, in their old places.
  struct Wanted {
    const LayerRule* rule;
    LayerKinds kinds;
  };

  std::vector<Wanted> wanted_kinds() const {
    std::vector<Wanted> wanted;
    for (const LayerRule& rule : layer_rules()) {
      const auto kind_of = rule.applied(object_, stack_.before);
      if (!kind_of) continue;
      LayerKinds kinds;
      for (const std::uint64_t layer : stack_.from) kinds.push_back((*kind_of)(layer));
      wanted.push_back({&rule, std::move(kinds)});
    }
    return wanted;
  }

  /// The first output layer that the object takes for one of another kind.
  std::optional<std::size_t> differing(const Wanted& wanted) const {
    const auto kind_of = wanted.rule->read(object_, stack_.from.size());
    if (!kind_of) return std::nullopt;  // a list says it from now on
    for (std::size_t i = 0; i < wanted.kinds.size(); ++i) {
      if ((*kind_of)(i) != wanted.kinds[i]) return i;
    }
    return std::nullopt;
  }

  void settle(const Wanted& wanted) {
    const auto wrong = differing(wanted);
    if (!wrong) return;
    JsonText before = object_;
    wanted.rule->write(object_, wanted.kinds);
    if (!wanted.rule->applied(object_, stack_.from.size()) || !differing(wanted)) return;
    object_ = std::move(before);
    const LayerRule& rule = *wanted.rule;
    const JsonText* excuse = rule.excuse.empty() ? nullptr : object_.find(rule.excuse);
    if (rule.of_tensors && (excuse == nullptr || excuse->as_array() == nullptr)) refuse(wanted, *wrong);
    warn("ARC031", rule.keys, "cannot say where the layers of each kind are now");
  }

  [[noreturn]] void refuse(const Wanted& wanted, std::size_t layer) const {
    const LayerRule& rule = *wanted.rule;
    const bool is = wanted.kinds[layer];
    throw Error(
        ErrorKind::recipe,
        fmt::format("layer {} of the output comes from layer {}, of kind '{}', but by {} a layer in its place is "
                    "of kind '{}', and no other values fit all layers: the output would not load",
                    layer, stack_.from[layer], rule.kinds[is ? 1 : 0], rule.keys, rule.kinds[is ? 0 : 1]))
        .code("ARC031")
        .in_file(path_)
        .hint("choose ranges whose layers come to stand where the model has layers of their kind");
  }

  void check_shared_blocks() {
    const std::string reason = missing_shared_blocks(object_, stack_.from);
    if (reason.empty()) {
      if (!has_shared_block_twice(object_, stack_.from)) return;
      return warn("ARC031", "layers_block_type", "knows a shared block in several layers, of which readers take any");
    }
    throw Error(ErrorKind::recipe, reason + ": the output would not load")
        .code("ARC031")
        .in_file(path_)
        .hint("choose hybrid layers among which is the first of each shared block; of Zamba2 as many as the model has");
  }

  bool is_in_rule(const std::string& key) const {
    return std::ranges::any_of(layer_rules(), [&](const LayerRule& rule) {
      return rule.keys.find(key) != rule.keys.npos && rule.read(object_, stack_.before);
    });
  }

  void edit_member(const std::string& key, JsonText& value) {
    if (edited_.contains(object_path_ + key)) return;
    const std::uint64_t number = value.as_unsigned().value_or(0);
    if ((is_one_of(order_numbers, key) && number > 0) || (is_one_of(order_steps, key) && number > 1)) {
      if (!keeps_numbers(stack_) && !is_in_rule(key)) {
        warn("ARC031", key, "depends on the order of layers, which has changed");
      }
    }
    if (value.as_text() != nullptr && is_one_of(layer_texts, key)) edit_text(key, value);
    if (key == "linear_attn_config" && value.as_object() != nullptr) edit_kimi(key, value);
    const auto* list = value.as_array();
    if (list == nullptr) return;
    if (is_one_of(layer_number_lists, key)) {
      replace(key, value, numbers_after(*list, stack_.before, stack_.from));
    } else if (is_one_of(pattern_lists, key) && !list->empty()) {
      replace(key, value, pattern_after(*list, stack_.before, stack_.from));
    } else if (is_one_of(per_layer_lists, key) && list->size() == stack_.before + entries_behind(*list)) {
      replace_entries(key, value, entries_behind(*list));
    } else if (list->size() == stack_.before) {
      warn("ARC030", key, "has as many entries as there were layers, but is not known");
    } else if (is_one_of(exact_lists, key) && !list->empty()) {
      warn("ARC030", key, fmt::format("has {} entries for {} layers", list->size(), stack_.before));
    }
  }

  /// Entries of a list for what predicts further tokens, if it has all of them.
  std::size_t entries_behind(const JsonText::Array& list) const {
    const JsonText* more = object_.find("num_nextn_predict_layers");
    const std::uint64_t entries = more == nullptr ? 0 : more->as_unsigned().value_or(0);
    return list.size() >= entries && list.size() - entries == stack_.before ? entries : 0;
  }

  void replace_entries(const std::string& key, JsonText& value, std::size_t behind) {
    const JsonText::Array& list = *value.as_array();
    const auto layers_end = list.end() - static_cast<std::ptrdiff_t>(behind);
    auto changed = entries_from({list.begin(), layers_end}, stack_.from);
    if (changed) std::copy(layers_end, list.end(), std::back_inserter(*changed));
    replace(key, value, std::move(changed));
  }

  void edit_text(const std::string& key, JsonText& value) {
    const std::string& text = *value.as_text();
    const bool fits = text.size() == stack_.before &&
                      std::ranges::all_of(stack_.from, [&](std::uint64_t layer) { return layer < text.size(); });
    if (!fits) return warn("ARC030", key, "does not fit the layers that the output has");
    std::string changed;
    for (const std::uint64_t layer : stack_.from) changed += text[layer];
    value = JsonText::text(changed);
    edited_.insert(object_path_ + key);
  }

  /// Kimi Linear counts layers from 1, in an object of its own.
  void edit_kimi(const std::string& key, JsonText& object) {
    for (const char* name : {"full_attn_layers", "kda_layers"}) {
      JsonText* list = object.find(name);
      if (list == nullptr || list->as_array() == nullptr) continue;
      replace(key + "." + name, *list, numbers_after(*list->as_array(), stack_.before, stack_.from, 1));
    }
  }

  void replace(const std::string& key, JsonText& list, std::optional<JsonText::Array> changed) {
    if (!changed) return warn("ARC030", key, "does not fit the layers that the output has");
    list = JsonText::array(std::move(*changed));
    edited_.insert(object_path_ + key);
  }

  void warn(const char* code, std::string_view key, std::string_view reason) {
    warnings_.push_back(fmt::format("{}: {}: {}, beside {}, {}; it stays as it is", code, path_, printable(key),
                                    layers_text(stack_), reason));
  }

  const ConfigEdits::Layers& stack_;
  JsonText& object_;
  const std::string& path_;
  const std::string object_path_;  // "", or with a dot at its end
  std::set<std::string>& edited_;
  std::vector<std::string>& warnings_;
};

class LayerEditor {
 public:
  LayerEditor(JsonText& config, const std::string& path, std::vector<std::string>& warnings)
      : config_(config), path_(path), warnings_(warnings) {}

  void edit(const ConfigEdits::Layers& stack) {
    const auto dot = stack.key.rfind('.');
    const std::string object_path = dot == std::string::npos ? "" : stack.key.substr(0, dot + 1);
    JsonText* object = config_.at_path(std::string_view(stack.key).substr(0, dot == std::string::npos ? 0 : dot));
    JsonText* count = object == nullptr ? nullptr : object->find(stack.key.substr(object_path.size()));
    const auto known = counts_.find(stack.key);
    if (known != counts_.end() && known->second == stack.from.size()) return;  // two stacks share their count
    if (count == nullptr || known != counts_.end()) {
      warnings_.push_back(fmt::format("ARC032: {}: there is no place for {}", path_, layers_text(stack)));
      return;
    }
    if (count->as_array() == nullptr) {  // else the list's length is the count
      *count = JsonText::number(stack.from.size());
      edited_.insert(stack.key);
    }
    counts_[stack.key] = stack.from.size();
    StackEditor(stack, *object, path_, object_path, edited_, warnings_).edit();
  }

 private:
  JsonText& config_;
  const std::string& path_;
  std::vector<std::string>& warnings_;
  std::map<std::string, std::size_t> counts_;
  std::set<std::string> edited_;
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
