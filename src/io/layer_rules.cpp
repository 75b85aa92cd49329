#include "io/layer_rules.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace stockpot::io {
namespace {

using Reader = std::optional<LayerRule::OfLayer>;

std::optional<std::uint64_t> number_at(const JsonText& object, std::string_view key) {
  const JsonText* value = object.find(key);
  return value == nullptr ? std::nullopt : value->as_unsigned();
}

bool is_array(const JsonText& object, std::string_view key) {
  const JsonText* value = object.find(key);
  return value != nullptr && value->as_array() != nullptr;
}

JsonText numbers_of(const LayerKinds& kinds, bool kind) {
  JsonText::Array numbers;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == kind) numbers.push_back(JsonText::number(i));
  }
  return JsonText::array(std::move(numbers));
}

JsonText names_of(const LayerKinds& kinds, std::string_view first, std::string_view second) {
  JsonText::Array names;
  for (const bool kind : kinds) names.push_back(JsonText::text(kind ? second : first));
  return JsonText::array(std::move(names));
}

/// Layers of the second kind: where the first is, and how far the next is behind it.
struct Rhythm {
  std::uint64_t first = 0, step = 0, last = 0, count = 0;
};

Rhythm rhythm_of(const LayerKinds& kinds) {
  Rhythm rhythm;
  for (std::uint64_t i = 0; i < kinds.size(); ++i) {
    if (!kinds[i]) continue;
    if (rhythm.count == 0) rhythm.first = i;
    if (rhythm.count == 1) rhythm.step = i - rhythm.first;
    rhythm.last = i;
    ++rhythm.count;
  }
  return rhythm;
}

// --- i % period == offset: Jamba

Reader read_period(const JsonText& object, const char* period_key, const char* offset_key) {
  const auto period = number_at(object, period_key), offset = number_at(object, offset_key);
  if (!period || *period == 0 || !offset) return std::nullopt;
  return [p = *period, o = *offset](std::uint64_t layer) { return layer % p == o; };
}

/// Readers want offsets below periods. One layer, or none, needs a period that no second one is in.
void write_period(JsonText& object, const LayerKinds& wanted, const char* period_key, const char* offset_key) {
  const Rhythm rhythm = rhythm_of(wanted);
  const std::uint64_t layers = wanted.size();
  const std::uint64_t offset = rhythm.count == 0 ? layers : rhythm.first;
  const std::uint64_t period = rhythm.count > 1 ? rhythm.step : layers + 1;
  if (offset >= period) return;
  object.set(period_key, JsonText::number(period));
  object.set(offset_key, JsonText::number(offset));
}

Reader read_attention_period(const JsonText& object, std::uint64_t) {
  return read_period(object, "attn_layer_period", "attn_layer_offset");
}
void write_attention_period(JsonText& object, const LayerKinds& wanted) {
  write_period(object, wanted, "attn_layer_period", "attn_layer_offset");
}

Reader read_expert_period(const JsonText& object, std::uint64_t) {
  if (number_at(object, "num_experts").value_or(2) < 2) return std::nullopt;
  return read_period(object, "expert_layer_period", "expert_layer_offset");
}
void write_expert_period(JsonText& object, const LayerKinds& wanted) {
  write_period(object, wanted, "expert_layer_period", "expert_layer_offset");
}

// --- i >= number: DeepSeek, LFM2, Qwen2

Reader read_threshold(const JsonText& object, const char* key) {
  const auto first = number_at(object, key);
  if (!first) return std::nullopt;
  return [k = *first](std::uint64_t layer) { return layer >= k; };
}

void write_threshold(JsonText& object, const LayerKinds& wanted, const char* key) {
  const auto first = std::find(wanted.begin(), wanted.end(), true);
  object.set(key, JsonText::number(static_cast<std::uint64_t>(first - wanted.begin())));
}

Reader read_dense_first(const JsonText& object, std::uint64_t) {
  const auto threshold = read_threshold(object, "first_k_dense_replace");
  if (!threshold || is_array(object, "moe_layer_freq")) return std::nullopt;
  const std::uint64_t step = std::max<std::uint64_t>(number_at(object, "moe_layer_freq").value_or(1), 1);
  return [past = *threshold, step](std::uint64_t layer) { return past(layer) && layer % step == 0; };
}
void write_dense_first(JsonText& object, const LayerKinds& wanted) {
  write_threshold(object, wanted, "first_k_dense_replace");
}

Reader read_dense_number(const JsonText& object, std::uint64_t) { return read_threshold(object, "num_dense_layers"); }
void write_dense_number(JsonText& object, const LayerKinds& wanted) {
  write_threshold(object, wanted, "num_dense_layers");
}

Reader read_windows(const JsonText& object, std::uint64_t) {
  const JsonText* use = object.find("use_sliding_window");
  if (use != nullptr && *use == JsonText::boolean(false)) return std::nullopt;
  return read_threshold(object, "max_window_layers");
}
void write_windows(JsonText& object, const LayerKinds& wanted) { write_threshold(object, wanted, "max_window_layers"); }

// --- the last few: Gemma 3n

Reader read_shared(const JsonText& object, std::uint64_t layers) {
  const auto shared = number_at(object, "num_kv_shared_layers");
  if (!shared) return std::nullopt;
  return [first = layers - std::min(layers, *shared)](std::uint64_t layer) { return layer >= first; };
}
void write_shared(JsonText& object, const LayerKinds& wanted) {
  const auto own = std::find(wanted.rbegin(), wanted.rend(), false);
  object.set("num_kv_shared_layers", JsonText::number(static_cast<std::uint64_t>(own - wanted.rbegin())));
}

// --- (i + 1) % step == 0

Reader read_step(const JsonText& object, const char* key) {
  const auto step = number_at(object, key);
  if (!step || *step == 0) return std::nullopt;
  return [s = *step](std::uint64_t layer) { return (layer + 1) % s == 0; };
}

/// Qwen's mixtures: a list of dense layers beside the step. Switch transformers have a key of this name for another rule.
Reader read_sparse_step(const JsonText& object, std::uint64_t) {
  const auto step = read_step(object, "decoder_sparse_step");
  if (!step || object.find("encoder_sparse_step") != nullptr) return std::nullopt;
  if (number_at(object, "num_experts") == 0u) return std::nullopt;
  std::vector<std::uint64_t> dense;
  if (const JsonText* list = object.find("mlp_only_layers"); list != nullptr && list->as_array() != nullptr) {
    for (const JsonText& item : *list->as_array()) {
      const auto layer = item.as_unsigned();
      if (!layer) return std::nullopt;
      dense.push_back(*layer);
    }
  }
  std::sort(dense.begin(), dense.end());
  return [sparse = *step, dense = std::move(dense)](std::uint64_t layer) {
    return sparse(layer) && !std::binary_search(dense.begin(), dense.end(), layer);
  };
}
void write_sparse_step(JsonText& object, const LayerKinds& wanted) {
  object.set("decoder_sparse_step", JsonText::number(1));
  object.set("mlp_only_layers", numbers_of(wanted, false));
}

Reader read_interleaved(const JsonText& object, std::uint64_t) {
  return read_step(object, "interleave_moe_layer_step");
}
void write_interleaved(JsonText& object, const LayerKinds& wanted) {
  object.set("moe_layers", numbers_of(wanted, true));
}

Reader read_full_interval(const JsonText& object, std::uint64_t) {
  return read_step(object, "full_attention_interval");
}
void write_full_interval(JsonText& object, const LayerKinds& wanted) {
  object.set("layer_types", names_of(wanted, "linear_attention", "full_attention"));
}

Reader read_window_pattern(const JsonText& object, std::uint64_t) {
  return read_step(object, "sliding_window_pattern");
}
void write_window_pattern(JsonText& object, const LayerKinds& wanted) {
  object.set("layer_types", names_of(wanted, "sliding_attention", "full_attention"));
}

/// An empty list stands for one layer in four, or in `no_rope_layer_interval`.
Reader read_no_rope(const JsonText& object, std::uint64_t) {
  const JsonText* list = object.find("no_rope_layers");
  if (list != nullptr && list->as_array() != nullptr) {
    if (!list->as_array()->empty()) return std::nullopt;
    if (object.find("no_rope_layer_interval") == nullptr) {
      return [](std::uint64_t layer) { return (layer + 1) % 4 == 0; };
    }
  }
  return read_step(object, "no_rope_layer_interval");
}
void write_no_rope(JsonText& object, const LayerKinds& wanted) {
  JsonText::Array rotated;
  for (const bool none : wanted) rotated.push_back(JsonText::number(none ? 0 : 1));
  object.set("no_rope_layers", JsonText::array(std::move(rotated)));
}

// --- every so many between a first and a last: ERNIE 4.5

Reader read_interval(const JsonText& object, std::uint64_t layers) {
  const auto step = read_step(object, "moe_layer_interval");
  const auto first = number_at(object, "moe_layer_start_index");
  const JsonText* end = object.find("moe_layer_end_index");
  if (!step || !first || end == nullptr) return std::nullopt;
  const bool to_the_end = *end == JsonText::number_spelled("-1");
  if (!to_the_end && !end->as_unsigned()) return std::nullopt;
  const std::uint64_t last = to_the_end ? layers : *end->as_unsigned();
  return [s = *step, f = *first, last](std::uint64_t layer) { return layer >= f && layer <= last && s(layer); };
}
void write_interval(JsonText& object, const LayerKinds& wanted) {
  const Rhythm rhythm = rhythm_of(wanted);
  const bool none = rhythm.count == 0;
  object.set("moe_layer_start_index", JsonText::number(none ? wanted.size() : rhythm.first));
  object.set("moe_layer_end_index", JsonText::number(none ? wanted.size() : rhythm.last));
  object.set("moe_layer_interval", JsonText::number(rhythm.count > 1 ? rhythm.step : 1));
}

}  // namespace

std::optional<LayerRule::OfLayer> LayerRule::applied(const JsonText& object, std::uint64_t layers) const {
  if (!list.empty() && is_array(object, list)) return std::nullopt;
  return read(object, layers);
}

const std::vector<LayerRule>& layer_rules() {
  static const std::vector<LayerRule> rules{
      {"attn_layer_period and attn_layer_offset",
       "layers_block_type",
       {"mamba", "attention"},
       true,
       "",
       read_attention_period,
       write_attention_period},
      {"expert_layer_period and expert_layer_offset",
       "",
       {"dense", "expert"},
       true,
       "",
       read_expert_period,
       write_expert_period},
      {"first_k_dense_replace", "", {"dense", "expert"}, true, "mlp_layer_types", read_dense_first, write_dense_first},
      {"num_dense_layers", "", {"dense", "expert"}, true, "mlp_layer_types", read_dense_number, write_dense_number},
      {"decoder_sparse_step and mlp_only_layers",
       "",
       {"dense", "expert"},
       true,
       "",
       read_sparse_step,
       write_sparse_step},
      {"interleave_moe_layer_step", "moe_layers", {"dense", "expert"}, true, "", read_interleaved, write_interleaved},
      {"moe_layer_start_index, moe_layer_end_index and moe_layer_interval",
       "mlp_layer_types",
       {"dense", "expert"},
       true,
       "",
       read_interval,
       write_interval},
      {"full_attention_interval",
       "layer_types",
       {"linear attention", "full attention"},
       true,
       "",
       read_full_interval,
       write_full_interval},
      {"num_kv_shared_layers", "", {"own keys", "shared keys"}, true, "", read_shared, write_shared},
      {"sliding_window_pattern",
       "layer_types",
       {"sliding", "full"},
       false,
       "",
       read_window_pattern,
       write_window_pattern},
      {"max_window_layers", "layer_types", {"full", "sliding"}, false, "", read_windows, write_windows},
      {"no_rope_layer_interval", "", {"rotated", "not rotated"}, false, "", read_no_rope, write_no_rope},
  };
  return rules;
}

}  // namespace stockpot::io
