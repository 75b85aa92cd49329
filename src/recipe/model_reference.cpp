#include "recipe/model_reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "recipe/fields.hpp"
#include "recipe/number.hpp"

namespace stockpot::recipe {
namespace {

// What a string form is split at. A model has no weight, so '*' may stand in its path.
constexpr std::string_view model_marks = "+@", adapter_marks = "+@*";

/// PATH[@REV].
struct Part {
  std::string path, revision;
};

bool has_any(std::string_view text, std::string_view marks) { return text.find_first_of(marks) != text.npos; }

/// As it stands, or in quotes where braces, commas or quotes could end it early.
std::string delimited(std::string_view text) {
  if (!has_any(text, "{}\",\\")) return std::string(text);
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return fmt::format("\"{}\"", escaped);
}

/// Of one part. What begins with a brace is never the string form, so no two parts share a text.
std::string part_text(const std::string& path, const std::string& revision, std::string_view marks) {
  if (has_any(revision, marks)) return fmt::format("{{path: {}, revision: {}}}", delimited(path), delimited(revision));
  const bool plain = !has_any(path, marks) && !path.starts_with('{');
  const std::string shown = plain ? path : fmt::format("{{path: {}}}", delimited(path));
  return revision.empty() ? shown : fmt::format("{}@{}", shown, revision);
}

/// The shortest decimal number that is this one, without a '+' in its exponent, where a reference would be split.
std::string weight_text(double weight) {
  std::string text = fmt::format("{}", weight);
  std::erase(text, '+');
  return text;
}

std::string canonical_text(const ModelReference& reference) {
  std::string text = part_text(reference.path, reference.revision, model_marks);
  for (const ModelReference::Adapter& adapter : reference.adapters) {
    text += fmt::format("+{}", adapter.text);
    if (adapter.weight != 1.0) text += fmt::format("*{}", weight_text(adapter.weight));
  }
  if (reference.override_architecture.empty()) return text;
  return fmt::format("{{model: {}, override_architecture: {}}}", text, delimited(reference.override_architecture));
}

ModelReference::Adapter adapter_of(Part part, double weight) {
  std::string text = part_text(part.path, part.revision, adapter_marks);
  return {
      .text = std::move(text), .path = std::move(part.path), .revision = std::move(part.revision), .weight = weight};
}

/// Splits PATH[@REV].
std::optional<Part> split_revision(std::string_view part, const Node& node, Diagnostics& diagnostics) {
  const std::size_t at = part.find('@');
  const bool has_revision = at != std::string_view::npos;
  const std::string_view path = part.substr(0, at);
  const std::string_view revision = has_revision ? part.substr(at + 1) : std::string_view();
  if (has_any(revision, "@")) {
    report(diagnostics, "REF002", node, fmt::format("more than one '@' in {}", in_quotes(part)),
           "write PATH@REVISION; a path with '@' is written {model: {path: PATH}}");
    return std::nullopt;
  }
  if (path.empty() || (has_revision && revision.empty())) {
    report(diagnostics, "REF003", node,
           fmt::format("the {} is empty in {}", path.empty() ? "path" : "revision", in_quotes(part)));
    return std::nullopt;
  }
  return Part{std::string(path), std::string(revision)};
}

/// A finite number; the words of booleans are none here.
std::optional<double> read_weight(std::string_view text, bool quoted, const Node& node, Diagnostics& diagnostics) {
  const ReadNumber number = read_number(text, quoted);
  if (number.kind == ReadNumber::Kind::number && !read_boolean_word(text)) return number.value;
  report(diagnostics, "REF001", node, fmt::format("the adapter's weight {} is not a finite number", in_quotes(text)));
  return std::nullopt;
}

/// Splits LORA[@REV][*WEIGHT].
std::optional<ModelReference::Adapter> split_adapter(std::string_view part, const Node& node,
                                                     Diagnostics& diagnostics) {
  const std::size_t star = part.rfind('*');
  const auto weight =
      star == std::string_view::npos ? std::optional(1.0) : read_weight(part.substr(star + 1), true, node, diagnostics);
  if (!weight) return std::nullopt;
  auto adapter = split_revision(part.substr(0, star), node, diagnostics);
  return adapter ? std::optional(adapter_of(std::move(*adapter), *weight)) : std::nullopt;
}

ModelReference complete(ModelReference reference) {
  reference.text = canonical_text(reference);
  return reference;
}

/// PATH[@REV] followed by any number of +LORA[@REV][*WEIGHT]. The first mistake ends it.
std::optional<ModelReference> read_string(const Node& node, Diagnostics& diagnostics) {
  std::string_view rest = node.text;
  std::size_t plus = rest.find('+');
  auto model = split_revision(rest.substr(0, plus), node, diagnostics);
  if (!model) return std::nullopt;
  ModelReference reference{
      .text = {}, .path = std::move(model->path), .revision = std::move(model->revision), .at = node.at};
  while (plus != std::string_view::npos) {
    rest.remove_prefix(plus + 1);
    plus = rest.find('+');
    auto adapter = split_adapter(rest.substr(0, plus), node, diagnostics);
    if (!adapter) return std::nullopt;
    reference.adapters.push_back(std::move(*adapter));
  }
  return complete(std::move(reference));
}

/// {path: PATH, revision: REV}: nothing in it is split.
std::optional<Part> read_path(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"path", "revision"}, diagnostics);
  const Node* const path_node = fields.require("path");
  if (path_node == nullptr) return std::nullopt;
  auto path = read_text(*path_node, diagnostics);
  const Node* const revision_node = fields.find("revision");
  auto revision = revision_node != nullptr ? read_text(*revision_node, diagnostics) : std::string();
  if (!path || !revision) return std::nullopt;
  if (path->empty()) report(diagnostics, "REF003", *path_node, "the path is empty");
  const bool empty_revision = revision_node != nullptr && revision->empty();
  if (empty_revision) report(diagnostics, "REF003", *revision_node, "the revision is empty");
  if (path->empty() || empty_revision) return std::nullopt;
  return Part{std::move(*path), std::move(*revision)};
}

/// "PATH[@REV]" or {path: PATH, revision: REV}.
std::optional<Part> read_part(const Node& node, Diagnostics& diagnostics) {
  if (node.is_mapping()) return read_path(node, diagnostics);
  const auto text = read_text(node, diagnostics);
  return text ? split_revision(*text, node, diagnostics) : std::nullopt;
}

/// {path: M, weight: NUMBER}
std::optional<ModelReference::Adapter> read_adapter(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"path", "weight"}, diagnostics);
  std::optional<double> weight = 1.0;
  if (const Node* const node_of_weight = fields.find("weight")) {
    const auto text = read_text(*node_of_weight, diagnostics);
    weight = text ? read_weight(*text, node_of_weight->quoted, *node_of_weight, diagnostics) : std::nullopt;
  }
  const Node* const path = fields.require("path");
  auto part = path != nullptr ? read_part(*path, diagnostics) : std::nullopt;
  if (!weight || !part) return std::nullopt;
  return adapter_of(std::move(*part), *weight);
}

/// `lora: M` or `adapters: [...]`; nothing if one of them is wrong.
std::optional<std::vector<ModelReference::Adapter>> read_adapters(const Fields& fields, Diagnostics& diagnostics) {
  std::vector<ModelReference::Adapter> adapters;
  const Node* const lora = fields.find("lora");
  const Node* const list = fields.find("adapters");
  if (lora != nullptr && list != nullptr) {
    diagnostics.error("CFG013", fields.key_at("adapters"), "'lora' and 'adapters' are both given",
                      "list all of them under 'adapters', each as '- path: PATH'");
    return std::nullopt;
  }
  if (lora != nullptr) {
    auto part = read_part(*lora, diagnostics);
    if (!part) return std::nullopt;
    adapters.push_back(adapter_of(std::move(*part), 1.0));
  }
  if (list == nullptr) return adapters;
  for (const Node& node : read_sequence(*list, diagnostics)) {
    auto adapter = read_adapter(node, diagnostics);
    if (!adapter) return std::nullopt;
    adapters.push_back(std::move(*adapter));
  }
  return list->is_sequence() ? std::optional(std::move(adapters)) : std::nullopt;
}

/// {model: M, lora: M, override_architecture: NAME} or {model: M, adapters: [...], override_architecture: NAME}.
std::optional<ModelReference> read_mapping(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"model", "lora", "adapters", "override_architecture"}, diagnostics);
  const Node* const model_node = fields.require("model");
  auto model = model_node != nullptr ? read_part(*model_node, diagnostics) : std::nullopt;
  auto adapters = read_adapters(fields, diagnostics);
  const Node* const other = fields.find("override_architecture");
  auto architecture = other != nullptr ? read_text(*other, diagnostics) : std::string();
  if (!model || !adapters || !architecture) return std::nullopt;
  return complete({.text = {},
                   .path = std::move(model->path),
                   .revision = std::move(model->revision),
                   .adapters = std::move(*adapters),
                   .override_architecture = std::move(*architecture),
                   .at = node.at});
}

}  // namespace

std::optional<ModelReference> read_model_reference(const Node& node, Diagnostics& diagnostics) {
  if (node.is_mapping()) return read_mapping(node, diagnostics);
  if (node.is_scalar()) return read_string(node, diagnostics);
  report(diagnostics, "CFG020", node, fmt::format("expected a model, found {}", node.kind_name()),
         "write PATH, PATH@REVISION or {model: {path: PATH, revision: REVISION}}");
  return std::nullopt;
}

std::optional<ModelReference> read_file_reference(const Node& node, Diagnostics& diagnostics) {
  const auto path = read_text(node, diagnostics);
  if (!path) return std::nullopt;
  if (path->empty()) {
    report(diagnostics, "REF003", node, "the path is empty");
    return std::nullopt;
  }
  return ModelReference{.text = *path, .path = *path, .revision = {}, .at = node.at};
}

void drop_revision(ModelReference& reference) {
  reference.revision.clear();
  reference.text = canonical_text(reference);
}

bool has_string_form(const ModelReference& reference) {
  const auto in_braces = [](const ModelReference::Adapter& adapter) { return adapter.text.starts_with('{'); };
  const bool literal = reference.text == reference.path;  // also a path of a raw recipe, whatever is in it
  return literal || (!reference.text.starts_with('{') && std::ranges::none_of(reference.adapters, in_braces));
}

}  // namespace stockpot::recipe
