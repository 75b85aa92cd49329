#include "io/config_edits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "io/config_layers.hpp"
#include "io/json_text.hpp"
#include "io/model_config.hpp"

namespace stockpot::io {
namespace {

constexpr std::array dtype_keys{"torch_dtype", "dtype"};
constexpr std::array token_id_keys{"bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"};
constexpr const char* tied_key = "tie_word_embeddings";
constexpr const char* vocab_key = "vocab_size";

/// Calls `edit(object)` for the document and every object called *_config in it.
template <typename Edit>
void in_every_config(JsonText& object, const Edit& edit) {
  edit(object);
  for (auto& [key, value] : *object.as_object()) {
    if (key.ends_with("_config") && value.as_object() != nullptr) in_every_config(value, edit);
  }
}

/// Calls `edit(object, path)` wherever the config may speak of the text model.
template <typename Edit>
void in_text_configs(JsonText& config, const Edit& edit) {
  for (const std::string_view path : text_objects) {
    JsonText* object = config.at_path(path);
    if (object != nullptr && object->as_object() != nullptr) edit(*object, path);
  }
}

void set_dtype(JsonText& config, std::string_view dtype) {
  in_every_config(config, [&](JsonText& object) {
    for (const char* key : dtype_keys) {
      if (object.find(key) != nullptr) object.set(key, JsonText::text(dtype));
    }
  });
  const bool is_there =
      std::any_of(dtype_keys.begin(), dtype_keys.end(), [&](const char* key) { return config.find(key) != nullptr; });
  if (!is_there) config.set(dtype_keys.front(), JsonText::text(dtype));
}

void untie_head(JsonText& config) {
  in_every_config(config, [&](JsonText& object) {
    if (&object == &config || object.find(tied_key) != nullptr) object.set(tied_key, JsonText::boolean(false));
  });
}

/// The text model's own object: the last one that is there, as the others are more general.
JsonText& text_object(JsonText& config) {
  JsonText* found = &config;
  in_text_configs(config, [&](JsonText& object, std::string_view) { found = &object; });
  return *found;
}

/// Where it is not the anchor's number it may be that of something else, and stays.
void set_vocab_size(JsonText& config, const ConfigEdits& edits, const std::string& path,
                    std::vector<std::string>& warnings) {
  bool is_there = false;
  const auto set = [&](JsonText& object, std::string_view place = "") {
    JsonText* rows = object.find(vocab_key);
    if (rows == nullptr) return;
    is_there = true;
    const auto known = rows->as_unsigned();
    if (!edits.old_vocab_size || known == edits.old_vocab_size) {
      *rows = JsonText::number(*edits.vocab_size);
    } else if (known != edits.vocab_size) {
      warnings.push_back(
          fmt::format("ARC032: {}: {}{}{} is not {}, as it was for the text model, and stays; the output's "
                      "embedding has {} rows",
                      path, place, place.empty() ? "" : ".", vocab_key, *edits.old_vocab_size, *edits.vocab_size));
    }
  };
  edits.old_vocab_size ? in_text_configs(config, set) : in_every_config(config, set);
  if (!is_there) text_object(config).set(vocab_key, JsonText::number(*edits.vocab_size));
}

void assign(JsonText& config, const ConfigEdits::Assignment& assignment) {
  using How = ConfigEdits::Assignment::How;
  const auto is_there = [&](const std::string& key) { return config.find(key) != nullptr; };
  if (std::any_of(assignment.unless.begin(), assignment.unless.end(), is_there)) return;
  if (assignment.how == How::erase) return config.erase(assignment.key);
  if (assignment.how == How::copy) {
    const JsonText* from = config.find(assignment.json);
    if (from != nullptr) config.set(assignment.key, JsonText(*from));
    return;
  }
  config.set(assignment.key, parse_json_text(assignment.json, assignment.key, "FMT022"));
}

/// Calls `use(key, id)` for each id of a special token, of numbers and of lists of them. Other values may stand there, too:
/// null, and -1 for "none".
template <typename Use>
void for_each_token_id(JsonText& config, const Use& use) {
  in_text_configs(config, [&](JsonText& object, std::string_view) {
    for (const char* key : token_id_keys) {
      JsonText* const ids = object.find(key);
      if (ids == nullptr) continue;
      auto* const list = ids->as_array();
      if (list == nullptr) use(key, *ids);
      for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) use(key, (*list)[i]);
    }
  });
}

/// Translates the ids of special tokens.
class TokenIds {
 public:
  TokenIds(const ConfigEdits& edits, const std::string& path, std::vector<std::string>& warnings)
      : new_ids_(*edits.token_ids), path_(path), warnings_(warnings) {
    std::sort(new_ids_.begin(), new_ids_.end());
  }

  void translate_in(JsonText& config) const {
    for_each_token_id(config, [&](const char* key, JsonText& id) { translate(key, id); });
  }

 private:
  void translate(const char* key, JsonText& id) const {
    const auto old_id = id.as_unsigned();
    if (!old_id) return;
    const auto entry = std::lower_bound(new_ids_.begin(), new_ids_.end(), *old_id,
                                        [](const auto& pair, std::uint64_t wanted) { return pair.first < wanted; });
    if (entry != new_ids_.end() && entry->first == *old_id && entry->second) {
      id = JsonText::number(*entry->second);
    } else {
      warnings_.push_back(
          fmt::format("TOK012: {}: {} {} is no token of the output's tokenizer; it stays", path_, key, *old_id));
    }
  }

  std::vector<std::pair<std::uint64_t, std::optional<std::uint64_t>>> new_ids_;  // ascending
  const std::string& path_;
  std::vector<std::string>& warnings_;
};

}  // namespace

std::string edited_config(std::string_view config, const ConfigEdits& edits, const std::string& path,
                          std::vector<std::string>& warnings) {
  JsonText document = parse_json_object(config, path, "FMT022");
  in_every_config(document, [&](JsonText& object) {
    object.erase("_name_or_path");
    if (!edits.dequantized) return;
    for (const char* key : {"quantization_config", "compression_config"}) object.erase(key);
  });
  if (edits.architecture) document.set("architectures", JsonText::array({JsonText::text(*edits.architecture)}));
  for (const auto& assignment : edits.assignments) assign(document, assignment);
  if (edits.dtype) set_dtype(document, recipe_name(*edits.dtype));
  if (edits.untie_head) untie_head(document);
  edit_layers(document, edits.layers, path, warnings);
  if (edits.vocab_size) set_vocab_size(document, edits, path, warnings);
  if (edits.token_ids) TokenIds(edits, path, warnings).translate_in(document);
  return document.dump() + '\n';
}

std::string edited_generation_config(std::string_view config, const ConfigEdits& edits, const std::string& path,
                                     std::vector<std::string>& warnings) {
  JsonText document = parse_json_object(config, path, "FMT022");
  TokenIds(edits, path, warnings).translate_in(document);
  return document.dump() + '\n';
}

std::vector<NamedTokenId> named_token_ids(std::string_view config, const std::string& path) {
  JsonText document = parse_json_object(config, path, "FMT022");
  std::vector<NamedTokenId> found;
  for_each_token_id(document, [&](const char* key, const JsonText& id) {
    const auto number = id.as_unsigned();
    if (!number) return;
    NamedTokenId named{key, *number};
    if (std::find(found.begin(), found.end(), named) == found.end()) found.push_back(std::move(named));
  });
  return found;
}

std::vector<std::string> needed_edits(const ConfigEdits& edits) {
  std::vector<std::string> needed;
  if (edits.architecture) needed.push_back(fmt::format("architectures = [{}]", printable(*edits.architecture)));
  if (edits.untie_head) needed.push_back(fmt::format("{} = false", tied_key));
  for (const auto& stack : edits.layers) needed.push_back(layers_text(stack));
  if (edits.vocab_size) needed.push_back(fmt::format("{} = {}", vocab_key, *edits.vocab_size));
  return needed;
}

}  // namespace stockpot::io
