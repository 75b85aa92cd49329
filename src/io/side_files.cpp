#include "io/side_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "core/error.hpp"
#include "io/file_system.hpp"
#include "io/json.hpp"
#include "io/model_directory.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::array tokenizer_files{"tokenizer.json",
                                     "tokenizer_config.json",
                                     "special_tokens_map.json",
                                     "tokenizer.model",
                                     "added_tokens.json",
                                     "merges.txt",
                                     "vocab.json",
                                     "vocab.txt",
                                     "spiece.model",
                                     "tekken.json",
                                     "sentencepiece.bpe.model",
                                     "chat_template.jinja",
                                     "chat_template.json",
                                     "normalizer.json"};
constexpr std::array companion_files{"generation_config.json", "preprocessor_config.json", "processor_config.json",
                                     "video_preprocessor_config.json"};
constexpr std::array vocabulary_files{"tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"};
constexpr const char* more_templates = "additional_chat_templates";  // a directory of *.jinja
constexpr std::array dtype_keys{"torch_dtype", "dtype"};

/// @return true if `object` has a dtype key.
bool set_existing_dtype(Json& object, std::string_view dtype) {
  bool found = false;
  for (const char* key : dtype_keys) {
    if (!object.contains(key)) continue;
    object[key] = dtype;
    found = true;
  }
  for (auto& [key, value] : object.items()) {
    if (key.ends_with("_config") && value.is_object()) set_existing_dtype(value, dtype);
  }
  return found;
}

/// At top level also where the key is missing: many classes take a missing key for true.
void untie_head(Json& object, bool top_level) {
  constexpr const char* key = "tie_word_embeddings";
  if (top_level || object.contains(key)) object[key] = false;
  for (auto& [name, value] : object.items()) {
    if (name.ends_with("_config") && value.is_object()) untie_head(value, false);
  }
}

void set_vocab_size(Json& object, std::uint64_t rows, bool top_level) {
  constexpr const char* key = "vocab_size";
  bool nested = false;
  for (auto& [name, value] : object.items()) {
    if (!name.ends_with("_config") || !value.is_object() || !value.contains(key)) continue;
    set_vocab_size(value, rows, false);
    nested = true;
  }
  if (object.contains(key) || (top_level && !nested)) object[key] = rows;
}

class Copier {
 public:
  Copier(const ModelDirectory& from, std::string to) : from_(from), to_(std::move(to)) {}

  /// Copies the content, not the link, if there is such a file.
  void copy_if_there(const std::string& name) const {
    if (!from_.has(name)) return;
    const auto source = from_.resolve(name);
    if (source) write_file(to_ + "/" + name, read_file(*source, max_json_bytes));
  }

 private:
  const ModelDirectory& from_;
  std::string to_;
};

void copy_templates(const ModelDirectory& donor, const std::string& directory) {
  if (!donor.has(more_templates)) return;
  const auto source = donor.resolve(more_templates);
  if (!source || !fs::is_directory(*source)) return;
  const ModelDirectory templates(*source);
  const std::string target = directory + "/" + more_templates;
  with_file_system_errors([&] { fs::create_directory(target); });
  const Copier copier(templates, target);
  for (const std::string& name : templates.names()) {
    if (name.ends_with(".jinja")) copier.copy_if_there(name);
  }
}

}  // namespace

std::string edited_config(std::string_view config, const ConfigEdits& edits, const std::string& path) {
  Json document = parse_json(config, path, "FMT022");
  if (!document.is_object()) {
    throw Error(ErrorKind::corrupt_input, "the configuration is not a JSON object").code("FMT022").in_file(path);
  }
  document.erase("_name_or_path");
  if (edits.dtype) {
    const std::string_view dtype = recipe_name(*edits.dtype);
    if (!set_existing_dtype(document, dtype)) document["torch_dtype"] = dtype;
  }
  if (edits.untie_head) untie_head(document, true);
  if (edits.vocab_size) set_vocab_size(document, *edits.vocab_size, true);
  return document.dump(2) + '\n';
}

std::vector<std::string> copy_side_files(const std::string& donor, const std::string& directory,
                                         const SideFileOptions& options) {
  std::vector<std::string> warnings;
  if (!fs::is_directory(donor)) {
    warnings.push_back(fmt::format("{} is a single file: the output gets no configuration and no tokenizer", donor));
    return warnings;
  }
  const ModelDirectory model(donor);
  const Copier copier(model, directory);
  for (const char* name : companion_files) copier.copy_if_there(name);
  if (options.tokenizer) {
    for (const char* name : tokenizer_files) copier.copy_if_there(name);
    copy_templates(model, directory);
    const auto is_there = [&](const char* name) { return model.has(name); };
    if (std::none_of(vocabulary_files.begin(), vocabulary_files.end(), is_there)) {
      warnings.push_back(fmt::format("TOK052: {} has no tokenizer to copy; the weights are good without", donor));
    }
  }
  const auto config = model.has("config.json") ? model.resolve("config.json") : std::nullopt;
  if (config) {
    write_file(directory + "/config.json", edited_config(read_file(*config, max_json_bytes), options.config, *config));
  } else {
    warnings.push_back(fmt::format("{} has no config.json: programs that load the output will ask for one", donor));
  }
  return warnings;
}

}  // namespace stockpot::io
