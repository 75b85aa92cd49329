#include "io/model_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>

namespace stockpot::io {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array layer_count_keys{
    "num_hidden_layers", "n_layer",        "n_layers",           "num_layers", "num_decoder_layers",
    "decoder_layers",    "encoder_layers", "num_encoder_layers", "depth",      "num_blocks"};
constexpr std::array nested_objects{"text_config",   "llm_config",   "language_config", "thinker_config.text_config",
                                    "vision_config", "audio_config", "encoder",         "decoder"};

/// With an entry for each layer: their length counts where no number does (Nemotron-H).
constexpr std::array layer_lists{"layers_block_type", "layer_types"};

/// The object at a dotted path ("" is the top), or nullptr.
const Json* object_at(const Json& config, std::string_view path) {
  const Json* at = &config;
  while (!path.empty()) {
    const auto dot = path.find('.');
    if (!at->is_object()) return nullptr;
    const auto member = at->find(std::string(path.substr(0, dot)));
    if (member == at->end()) return nullptr;
    at = &*member;
    path = dot == path.npos ? std::string_view() : path.substr(dot + 1);
  }
  return at->is_object() ? at : nullptr;
}

void add_layer_counts(const Json& config, std::string_view path, std::vector<ModelConfig::LayerCount>& counts) {
  const Json* object = object_at(config, path);
  if (object == nullptr) return;
  const std::size_t before = counts.size();
  const auto add = [&](const char* key, std::uint64_t layers) {
    counts.push_back({path.empty() ? key : fmt::format("{}.{}", path, key), layers});
  };
  for (const char* key : layer_count_keys) {
    const auto count = object->find(key);
    if (count != object->end() && count->is_number_unsigned()) add(key, count->get<std::uint64_t>());
  }
  for (const char* key : layer_lists) {
    if (counts.size() > before) return;
    const auto list = object->find(key);
    if (list != object->end() && list->is_array() && !list->empty()) add(key, list->size());
  }
}

std::vector<std::string> texts_of(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& item : list) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::optional<bool> tied_embeddings(const Json& config) {
  for (const char* path : text_objects) {
    const Json* object = object_at(config, path);
    const auto tied = object != nullptr ? object->find("tie_word_embeddings") : config.end();
    if (object != nullptr && tied != object->end() && tied->is_boolean()) return tied->get<bool>();
  }
  return std::nullopt;
}

/// The first of the keys that is a count in the most particular object that has one: what is at top level may be of the
/// whole, or left over from a class's defaults.
std::optional<std::uint64_t> text_count(const Json& config, std::initializer_list<const char*> keys) {
  std::optional<std::uint64_t> found;
  const auto in = [&](const Json& object) -> std::optional<std::uint64_t> {
    for (const char* key : keys) {
      const auto count = object.find(key);
      if (count != object.end() && count->is_number_unsigned()) return count->get<std::uint64_t>();
    }
    return std::nullopt;
  };
  for (const char* path : text_objects) {
    const Json* object = object_at(config, path);
    const auto count = object != nullptr ? in(*object) : std::nullopt;
    if (count) found = count;
  }
  return found;
}

const Json* quantization(const Json& config) {
  for (const char* path : text_objects) {
    const Json* object = object_at(config, path);
    const Json* found = object != nullptr ? object_at(*object, "quantization_config") : nullptr;
    if (found != nullptr) return found;
  }
  return nullptr;
}

void read_block(const Json& object, const char* key, ModelConfig& result) {
  const auto block = object.find(key);
  if (block == object.end() || !block->is_array() || block->size() != 2) return;
  if (!(*block)[0].is_number_unsigned() || !(*block)[1].is_number_unsigned()) return;
  result.block_rows = (*block)[0].get<std::uint64_t>();
  result.block_columns = (*block)[1].get<std::uint64_t>();
}

/// Groups that differ say nothing: tensors then speak for themselves.
void read_quantization(const Json& quantization, ModelConfig& result) {
  read_block(quantization, "weight_block_size", result);
  const auto groups = quantization.find("config_groups");
  if (groups == quantization.end() || !groups->is_object() || groups->size() != 1) return;
  const Json* weights = object_at(groups->begin().value(), "weights");
  if (weights == nullptr) return;
  read_block(*weights, "block_structure", result);
  const auto size = weights->find("group_size");
  if (size != weights->end() && size->is_number_unsigned()) result.group_size = size->get<std::uint64_t>();
}

}  // namespace

ModelConfig model_config(const Json& config, std::string_view path, std::vector<std::string>& warnings) {
  ModelConfig result;
  if (const auto list = config.find("architectures"); list != config.end() && list->is_array()) {
    result.architectures = texts_of(*list);
  }
  if (const auto type = config.find("model_type"); type != config.end() && type->is_string()) {
    result.model_type = type->get<std::string>();
  }
  add_layer_counts(config, "", result.layer_counts);
  for (const char* nested : nested_objects) add_layer_counts(config, nested, result.layer_counts);
  result.tied_embeddings = tied_embeddings(config);
  result.vocab_size = text_count(config, {"vocab_size"});
  result.hidden_size = text_count(config, {"hidden_size"});
  result.experts = text_count(config, {"num_experts", "num_local_experts", "n_routed_experts"});
  result.prediction_layers = text_count(config, {"num_nextn_predict_layers"});
  if (const Json* object = quantization(config)) {
    result.quantized = true;
    read_quantization(*object, result);
  }
  if (result.architectures.size() != 1) {
    warnings.push_back(fmt::format("ARC001: {} names {} architectures instead of one: layers are found by tensor names",
                                   path, result.architectures.size()));
  }
  return result;
}

}  // namespace stockpot::io
