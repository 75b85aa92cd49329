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
  for (const char* key : layer_count_keys) {
    const auto count = object->find(key);
    if (count == object->end() || !count->is_number_unsigned()) continue;
    counts.push_back({path.empty() ? key : fmt::format("{}.{}", path, key), count->get<std::uint64_t>()});
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

/// The first of the keys that is a count where the text model is spoken of.
std::optional<std::uint64_t> text_count(const Json& config, std::initializer_list<const char*> keys) {
  for (const char* path : text_objects) {
    const Json* object = object_at(config, path);
    if (object == nullptr) continue;
    for (const char* key : keys) {
      const auto count = object->find(key);
      if (count != object->end() && count->is_number_unsigned()) return count->get<std::uint64_t>();
    }
  }
  return std::nullopt;
}

bool is_quantized(const Json& config) {
  return std::any_of(text_objects.begin(), text_objects.end(), [&](const char* path) {
    const Json* object = object_at(config, path);
    return object != nullptr && object_at(*object, "quantization_config") != nullptr;
  });
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
  result.quantized = is_quantized(config);
  if (result.architectures.size() != 1) {
    warnings.push_back(fmt::format("ARC001: {} names {} architectures instead of one: layers are found by tensor names",
                                   path, result.architectures.size()));
  }
  return result;
}

}  // namespace stockpot::io
