#include "recipe/merge_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/nearest.hpp"
#include "recipe/fields.hpp"
#include "recipe/layer_slices.hpp"
#include "recipe/moe_document.hpp"
#include "recipe/slips.hpp"
#include "recipe/sources.hpp"
#include "recipe/text.hpp"

namespace stockpot::recipe {
namespace {

const std::vector<std::string> merge_keys{"merge_method",  "models", "slices",    "modules",          "base_model",
                                          "parameters",    "dtype",  "out_dtype", "tokenizer_source", "tokenizer",
                                          "chat_template", "name",   "stockpot"};

enum class Kind { merge, layer_slices, moe };

const Node::Member* find_key(const std::vector<Node::Member>& members, std::string_view key) {
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.key == key; });
  return found == members.end() ? nullptr : &*found;
}

void report_no_recipe(const Node& node, const std::vector<Node::Member>& members, Diagnostics& diagnostics) {
  std::string near;
  for (std::size_t i = 0; i < members.size() && near.empty(); ++i) near = odd_space_help(members[i].key);
  for (std::size_t i = 0; i < members.size() && near.empty(); ++i)
    near = did_you_mean(members[i].key, {"merge_method", "layer_slices", "experts"});
  diagnostics.error("CFG010", node.at, "not a recipe: there is no key 'merge_method'", near);
}

/// What a document is: the first of three keys decides. Reports what is no merge.
std::optional<Kind> kind_of(const Node& node, Dialect dialect, Diagnostics& diagnostics) {
  if (!node.is_mapping()) {
    report(diagnostics, "CFG020", node, fmt::format("a recipe is a mapping; found {}", node.kind_name()));
    return std::nullopt;
  }
  const std::vector<Node::Member> members = node.members();
  if (const auto* experts = find_key(members, "experts")) {
    if (dialect == Dialect::merge) return Kind::moe;
    diagnostics.error("CFG010", experts->key_at, "a raw recipe has no experts: it lists weight files under 'models'");
    return std::nullopt;
  }
  if (const auto* old_form = find_key(members, "layer_slices")) {
    if (dialect == Dialect::merge) return Kind::layer_slices;
    diagnostics.error("CFG010", old_form->key_at, "a raw recipe has no layers: it lists weight files under 'models'");
    return std::nullopt;
  }
  if (find_key(members, "merge_method") != nullptr) return Kind::merge;
  report_no_recipe(node, members, diagnostics);
  return std::nullopt;
}

/// Exactly one of three keys says what is merged; null and empty count as absent.
void read_inputs(const Fields& fields, MergeDocument& document, Diagnostics& diagnostics) {
  std::vector<std::string> given;
  for (const char* key : {"models", "slices", "modules"}) {
    if (fields.find_filled(key) != nullptr) given.emplace_back(key);
  }
  if (given.empty()) {
    diagnostics.error("CFG012", document.at, "nothing to merge: 'models', 'slices' and 'modules' are missing or empty",
                      "list the models under 'models:', each as '- model: PATH'");
    return;
  }
  if (given.size() > 1) {
    diagnostics.error("CFG012", fields.key_at(given[1]),
                      fmt::format("'{}' and '{}' are both given", given[0], given[1]),
                      "give exactly one of 'models', 'slices' and 'modules'");
  }
  const Node& node = *fields.find(given[0]);
  Module unnamed{.name = "", .slices = {}, .parameters = {}, .at = node.at};
  if (given[0] == "modules") {
    document.form = Form::modules;
    document.modules = read_modules(node, diagnostics);
    return;
  }
  document.form = given[0] == "slices" ? Form::slices : Form::models;
  if (document.form == Form::slices) unnamed.slices = read_slices(node, diagnostics);
  if (document.form == Form::models) unnamed.slices = {read_models(node, read_model_reference, diagnostics)};
  document.modules.push_back(std::move(unnamed));
}

/// Raw recipes list files and nothing else.
void read_files(const Fields& fields, MergeDocument& document, Diagnostics& diagnostics) {
  for (const char* key : {"slices", "modules", "tokenizer_source", "tokenizer", "chat_template"}) {
    if (fields.find(key) != nullptr)
      diagnostics.warn("CFG007", fields.key_at(key), fmt::format("'{}' has no effect in a raw recipe", key));
  }
  const Node* const models = fields.find_filled("models");
  if (models == nullptr) {
    diagnostics.error("CFG012", document.at, "nothing to merge: 'models' is missing or empty",
                      "list the weight files under 'models:', each as '- model: FILE'");
    return;
  }
  OutputSlice slice = read_models(*models, read_file_reference, diagnostics);
  document.modules.push_back({.name = "", .slices = {std::move(slice)}, .parameters = {}, .at = models->at});
}

void read_tokenizers(const Fields& fields, MergeDocument& document, Diagnostics& diagnostics) {
  const Node* const old_form = fields.find("tokenizer_source");
  const Node* const tokenizer = fields.find("tokenizer");
  if (old_form != nullptr && tokenizer != nullptr) {
    diagnostics.error("CFG013", fields.key_at("tokenizer_source"), "'tokenizer' and 'tokenizer_source' are both given",
                      "'tokenizer: {source: ...}' says the same as 'tokenizer_source'");
  }
  if (old_form != nullptr) document.tokenizer = read_tokenizer_source(*old_form, diagnostics);
  if (tokenizer != nullptr) document.tokenizer = read_tokenizer(*tokenizer, diagnostics);
  const Node* const chat_template = fields.find("chat_template");
  if (chat_template == nullptr) return;
  document.chat_template = read_text(*chat_template, diagnostics);
  document.chat_template_at = chat_template->at;
  if (document.chat_template == "") document.chat_template.reset();
}

/// What an unknown type may have meant, and which there are.
std::string known_dtypes(std::string_view unknown, bool of_output) {
  std::vector<std::string> known{"float64", "float32", "float16", "bfloat16"};
  if (of_output) known.insert(known.end(), {"float8_e4m3fn", "float8_e5m2"});
  const std::string all = fmt::format("{}", fmt::join(known, ", "));
  known.insert(known.end(), {"fp64", "fp32", "fp16", "bf16"});
  const auto meant = parse_recipe_dtype(lower_case(unknown));
  const std::string near =
      meant ? fmt::format("did you mean '{}'?", recipe_name(*meant)) : did_you_mean(unknown, known);
  return help_with_all(near, all);
}

std::optional<DType> read_dtype(const Node* node, bool of_output, Diagnostics& diagnostics) {
  const auto text = node != nullptr ? read_text(*node, diagnostics) : std::nullopt;
  if (!text || text->empty()) return std::nullopt;
  const auto dtype = of_output ? parse_output_dtype(*text) : parse_recipe_dtype(*text);
  if (dtype) return dtype;
  const std::string_view name = text->starts_with("torch.") ? std::string_view(*text).substr(6) : *text;
  if (name == "int64") {
    report(diagnostics, "CFG060", *node, "models cannot be merged in int64");
  } else if (parse_output_dtype(name)) {
    report(diagnostics, "CFG060", *node, fmt::format("{} is a type for 'out_dtype' alone", name));
  } else {
    report(diagnostics, "CFG060", *node, fmt::format("unknown dtype {}", in_quotes(*text)),
           known_dtypes(name, of_output));
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

void read_name(const Fields& fields, MergeDocument& document, Diagnostics& diagnostics) {
  const Node* const name = fields.find("name");
  if (name == nullptr) return;
  document.name = read_text(*name, diagnostics).value_or("");
  document.name_at = name->at;
}

void read_method(const Fields& fields, MergeDocument& document, Diagnostics& diagnostics) {
  const Node* const method = fields.require("merge_method");
  if (method == nullptr) return;
  const auto text = read_text(*method, diagnostics);
  if (!text) return;
  document.method = *text;
  document.method_at = method->at;
}

/// The body of a document that has `merge_method`.
void read_merge(const Fields& fields, Dialect dialect, MergeDocument& document, Diagnostics& diagnostics) {
  read_method(fields, document, diagnostics);
  if (dialect == Dialect::raw) {
    read_files(fields, document, diagnostics);
  } else {
    read_inputs(fields, document, diagnostics);
    read_tokenizers(fields, document, diagnostics);
  }
  const ReadReference read_reference = dialect == Dialect::raw ? read_file_reference : read_model_reference;
  if (const Node* value = fields.find("base_model")) document.base_model = read_reference(*value, diagnostics);
  document.parameters = parameters_of(fields, diagnostics);
  for (const Node::Member& member : fields.unknown()) {
    if (member.key == "pad_to_multiple_of" || member.key == "tokens")
      diagnostics.advise("CFG006", member.key_at,
                         "it is a key of 'tokenizer:', beside 'source', which is 'tokenizer_source' there");
  }
}

/// The body of a document that has `experts`. Without a base model nothing can be said of it.
bool read_experts(const Fields& fields, MergeDocument& document, Diagnostics& diagnostics) {
  document.method_at = fields.key_at("experts");
  document.moe = read_moe(fields, diagnostics);
  const Node* const base = fields.require("base_model");
  if (base != nullptr) document.base_model = read_model_reference(*base, diagnostics);
  return document.base_model.has_value();
}

std::vector<std::string> known_keys(Kind kind) {
  std::vector<std::string> known = merge_keys;
  if (kind == Kind::layer_slices) known.insert(known.end(), {"layer_slices", "embedding_source", "lm_head_source"});
  if (kind == Kind::moe) {
    known = moe_keys;
    known.insert(known.end(), {"base_model", "dtype", "out_dtype", "name", "stockpot"});
  }
  return known;
}

}  // namespace

std::optional<MergeDocument> read_merge_document(const Node& node, Dialect dialect, Diagnostics& diagnostics) {
  const auto kind = kind_of(node, dialect, diagnostics);
  if (!kind) return std::nullopt;
  MergeDocument document;
  document.at = node.at;
  const Fields fields(node, known_keys(*kind), diagnostics);
  if (kind == Kind::layer_slices) {
    read_layer_slices(fields, document, diagnostics);
    read_tokenizers(fields, document, diagnostics);
  } else if (kind == Kind::moe) {
    if (!read_experts(fields, document, diagnostics)) return std::nullopt;
  } else {
    read_merge(fields, dialect, document, diagnostics);
  }
  read_dtypes(fields, document, diagnostics);
  read_name(fields, document, diagnostics);
  if (const Node* value = fields.find("stockpot")) document.extensions = read_extensions(*value, diagnostics);
  if (document.moe) {
    check_routers(*document.moe, document.extensions, diagnostics);
  } else if (document.extensions.gate_vectors) {
    diagnostics.warn("CFG007", document.extensions.gate_vectors->at,
                     "'stockpot.gate_vectors' has an effect on experts only");
  }
  return document;
}

}  // namespace stockpot::recipe
