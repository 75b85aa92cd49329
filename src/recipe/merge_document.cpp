#include "recipe/merge_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "core/nearest.hpp"
#include "recipe/fields.hpp"

namespace stockpot::recipe {
namespace {

const std::vector<std::string> document_keys{"merge_method",  "models", "slices",    "modules",          "base_model",
                                             "parameters",    "dtype",  "out_dtype", "tokenizer_source", "tokenizer",
                                             "chat_template", "name",   "stockpot"};

void refuse(Diagnostics& diagnostics, Position at, std::string_view what, std::string help = "") {
  diagnostics.error("CFG015", at, fmt::format("{} not supported by this version yet", what), std::move(help));
}

/// Whether this is a document for merges: the first of three keys decides. Reports any other kind.
bool is_merge(const Node& node, Diagnostics& diagnostics) {
  if (!node.is_mapping()) {
    report(diagnostics, "CFG020", node, fmt::format("a recipe is a mapping; found {}", node.kind_name()));
    return false;
  }
  const std::vector<Node::Member> members = node.members();
  const auto find = [&](std::string_view key) {
    const auto found =
        std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.key == key; });
    return found == members.end() ? nullptr : &*found;
  };
  if (const auto* experts = find("experts")) {
    refuse(diagnostics, experts->key_at, "mixture-of-experts recipes ('experts') are");
    return false;
  }
  if (const auto* old_slices = find("layer_slices")) {
    refuse(diagnostics, old_slices->key_at, "the old form 'layer_slices' is");
    return false;
  }
  if (find("merge_method") != nullptr) return true;
  std::string near;
  for (std::size_t i = 0; i < members.size() && near.empty(); ++i)
    near = did_you_mean(members[i].key, {"merge_method"});
  diagnostics.error("CFG010", node.at, "not a recipe: there is no key 'merge_method'", near);
  return false;
}

std::optional<InputSlice> read_input(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"model", "parameters", "key"}, diagnostics);
  InputSlice input{.model = {}, .layers = {}, .parameters = {}, .key = {}, .at = node.at};
  if (const Node* value = fields.find("parameters")) input.parameters = read_parameters(*value, diagnostics);
  const Node* const key = fields.find("key");
  const auto key_text = key != nullptr ? read_text(*key, diagnostics) : std::nullopt;
  const Node* const model = fields.require("model");
  auto reference = model != nullptr ? read_model_reference(*model, diagnostics) : std::nullopt;
  if (!reference) return std::nullopt;
  input.model = std::move(*reference);
  input.key = key_text.value_or(input.model.text);
  return input;
}

void check_repetitions(const std::vector<InputSlice>& inputs, Diagnostics& diagnostics) {
  using Identity = std::pair<std::string_view, std::string_view>;
  std::map<Identity, const InputSlice*> seen;
  for (const InputSlice& input : inputs) {
    const auto [first, is_new] = seen.emplace(Identity(input.model.text, input.key), &input);
    if (is_new) continue;
    diagnostics.error("ARC023", input.at,
                      fmt::format("model {} is listed at line {} and again at line {}", in_quotes(input.model.text),
                                  first->second->at.line, input.at.line),
                      "remove one of them, or give each its own 'key:' if both are meant");
  }
}

Module read_models(const Node& node, Diagnostics& diagnostics) {
  OutputSlice slice{.sources = {}, .base_model = {}, .parameters = {}, .at = node.at};
  for (const Node& entry : read_sequence(node, diagnostics)) {
    if (auto input = read_input(entry, diagnostics)) slice.sources.push_back(std::move(*input));
  }
  check_repetitions(slice.sources, diagnostics);
  return {.name = "", .slices = {std::move(slice)}, .parameters = {}, .at = node.at};
}

/// Exactly one of three keys says what is merged; null and empty count as absent.
void read_inputs(const Fields& fields, MergeDocument& document, Diagnostics& diagnostics) {
  std::vector<std::string> given;
  for (const char* key : {"models", "slices", "modules"}) {
    const Node* const value = fields.find(key);
    if (value != nullptr && (value->is_scalar() || !value->empty())) given.emplace_back(key);
  }
  if (given.empty()) {
    diagnostics.error("CFG012", document.at, "nothing to merge: 'models' is missing or empty",
                      "list the models under 'models:', each as '- model: PATH'");
  }
  if (given.size() > 1) {
    diagnostics.error("CFG012", fields.key_at(given[1]),
                      fmt::format("'{}' and '{}' are both given", given[0], given[1]),
                      "give exactly one of 'models', 'slices' and 'modules'");
  }
  for (const std::string& key : given) {
    if (key == "models") {
      document.modules.push_back(read_models(*fields.find(key), diagnostics));
    } else {
      refuse(diagnostics, fields.key_at(key), fmt::format("'{}' are", key), "list whole models under 'models:'");
    }
  }
}

void warn_of_copied_tokenizer(Position at, Diagnostics& diagnostics) {
  diagnostics.warn("CFG007", at, "no embedding is remapped: the tokenizer files are copied from the base model",
                   "the models must have the base model's vocabulary");
}

bool says_base(const Node* source) { return source != nullptr && source->is_scalar() && source->text == "base"; }

/// `tokenizer: {source: base}` and nothing that would change a vocabulary.
bool keeps_vocabulary(const Fields& tokenizer) {
  const Node* const tokens = tokenizer.find("tokens");
  const bool no_tokens = tokens == nullptr || (tokens->is_mapping() && tokens->empty());
  return says_base(tokenizer.find("source")) && no_tokens && tokenizer.find("pad_to_multiple_of") == nullptr;
}

void read_tokenizer(const Fields& fields, Diagnostics& diagnostics) {
  const Node* const old_source = fields.find("tokenizer_source");
  const Node* const tokenizer = fields.find("tokenizer");
  if (old_source != nullptr && tokenizer != nullptr) {
    diagnostics.error("CFG013", fields.key_at("tokenizer_source"), "'tokenizer' and 'tokenizer_source' are both given",
                      "'tokenizer: {source: ...}' says the same as 'tokenizer_source'");
  }
  if (says_base(old_source)) {
    warn_of_copied_tokenizer(fields.key_at("tokenizer_source"), diagnostics);
  } else if (old_source != nullptr) {
    refuse(diagnostics, fields.key_at("tokenizer_source"), "any 'tokenizer_source' but 'base' is");
  }
  if (tokenizer != nullptr) {
    const Fields parts(*tokenizer, {"source", "tokens", "pad_to_multiple_of"}, diagnostics);
    if (keeps_vocabulary(parts)) {
      warn_of_copied_tokenizer(fields.key_at("tokenizer"), diagnostics);
    } else {
      refuse(diagnostics, fields.key_at("tokenizer"), "any 'tokenizer' but '{source: base}' is");
    }
  }
  if (fields.find("chat_template") != nullptr)
    refuse(diagnostics, fields.key_at("chat_template"), "'chat_template' is");
}

std::optional<DType> read_dtype(const Node* node, bool of_output, Diagnostics& diagnostics) {
  const auto text = node != nullptr ? read_text(*node, diagnostics) : std::nullopt;
  if (!text || text->empty()) return std::nullopt;
  const auto dtype = parse_recipe_dtype(*text);
  if (dtype) return dtype;
  const std::string_view name = text->starts_with("torch.") ? std::string_view(*text).substr(6) : *text;
  if (of_output && (name == "float8_e4m3fn" || name == "float8_e5m2")) {
    report(diagnostics, "CFG015", *node, fmt::format("writing {} is not supported by this version yet", name));
  } else if (name == "int64") {
    report(diagnostics, "CFG060", *node, "models cannot be merged in int64");
  } else {
    report(diagnostics, "CFG060", *node, fmt::format("unknown dtype {}", in_quotes(*text)),
           did_you_mean(name, {"float32", "float16", "bfloat16", "float64"}));
  }
  return std::nullopt;
}

void read_dtypes(const Fields& fields, MergeDocument& document, Diagnostics& diagnostics) {
  const Node* const dtype = fields.find("dtype");
  const Node* const out_dtype = fields.find("out_dtype");
  document.dtype = read_dtype(dtype, false, diagnostics);
  document.out_dtype = read_dtype(out_dtype, true, diagnostics);
  if (dtype != nullptr) document.dtype_at = dtype->at;
  if (out_dtype != nullptr) document.out_dtype_at = out_dtype->at;
}

void read_method(const Fields& fields, MergeDocument& document, Diagnostics& diagnostics) {
  const Node* const method = fields.require("merge_method");
  if (method == nullptr) return;
  document.method = read_text(*method, diagnostics).value_or("");
  document.method_at = method->at;
}

}  // namespace

MergeDocument read_merge_document(const Node& node, Diagnostics& diagnostics) {
  MergeDocument document;
  document.at = node.at;
  if (!is_merge(node, diagnostics)) return document;
  const Fields fields(node, document_keys, diagnostics);
  read_method(fields, document, diagnostics);
  read_inputs(fields, document, diagnostics);
  read_tokenizer(fields, diagnostics);
  read_dtypes(fields, document, diagnostics);
  if (const Node* value = fields.find("base_model")) document.base_model = read_model_reference(*value, diagnostics);
  if (const Node* value = fields.find("parameters")) document.parameters = read_parameters(*value, diagnostics);
  if (const Node* value = fields.find("stockpot")) document.extensions = read_extensions(*value, diagnostics);
  if (const Node* value = fields.find("name")) document.name = read_text(*value, diagnostics).value_or("");
  return document;
}

}  // namespace stockpot::recipe
