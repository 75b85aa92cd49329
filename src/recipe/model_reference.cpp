#include "recipe/model_reference.hpp"

#include <fmt/format.h>

#include <string_view>

#include "recipe/fields.hpp"
#include "recipe/number.hpp"

namespace stockpot::recipe {
namespace {

void refuse_adapters(const Node& node, Diagnostics& diagnostics) {
  report(diagnostics, "REF020", node, "adapters (LoRA) are not supported by this version yet",
         "merge the adapter into its base model first, and name the result here; a path with '+' is written "
         "{model: {path: PATH}}");
}

/// Two references are equal when their texts are: where '+' or '@' is part of a path, the text says so.
std::string canonical_text(const std::string& path, const std::string& revision) {
  const std::string tail = revision.empty() ? "" : "@" + revision;
  return path.find_first_of("+@") == std::string::npos ? path + tail : fmt::format("{{path: {}}}{}", path, tail);
}

std::optional<ModelReference> complete(std::string path, std::string revision, const Node& node) {
  std::string text = canonical_text(path, revision);
  return ModelReference{
      .text = std::move(text), .path = std::move(path), .revision = std::move(revision), .at = node.at};
}

/// PATH[@REV].
std::optional<ModelReference> split_revision(std::string_view part, const Node& node, Diagnostics& diagnostics) {
  const std::size_t at = part.find('@');
  const bool has_revision = at != std::string_view::npos;
  const std::string_view path = part.substr(0, at);
  const std::string_view revision = has_revision ? part.substr(at + 1) : std::string_view();
  if (revision.find('@') != std::string_view::npos) {
    report(diagnostics, "REF002", node, fmt::format("more than one '@' in {}", in_quotes(part)),
           "write PATH@REVISION; a path with '@' is written {model: {path: PATH}}");
    return std::nullopt;
  }
  if (path.empty() || (has_revision && revision.empty())) {
    report(diagnostics, "REF003", node,
           fmt::format("the {} is empty in {}", path.empty() ? "path" : "revision", in_quotes(part)));
    return std::nullopt;
  }
  return complete(std::string(path), std::string(revision), node);
}

/// LORA[@REV][*WEIGHT]; false if the syntax is wrong.
bool check_adapter(std::string_view part, const Node& node, Diagnostics& diagnostics) {
  const std::size_t star = part.rfind('*');
  if (star != std::string_view::npos) {
    const std::string_view weight = part.substr(star + 1);
    if (read_number(weight, true).kind != ReadNumber::Kind::number) {
      report(diagnostics, "REF001", node, fmt::format("the adapter's weight {} is not a number", in_quotes(weight)));
      return false;
    }
  }
  return split_revision(part.substr(0, star), node, diagnostics).has_value();
}

/// PATH[@REV] followed by any number of +LORA[@REV][*WEIGHT].
std::optional<ModelReference> read_string(const Node& node, Diagnostics& diagnostics) {
  const std::string_view text = node.text;
  const std::size_t plus = text.find('+');
  auto model = split_revision(text.substr(0, plus), node, diagnostics);
  if (plus == std::string_view::npos) return model;
  bool valid = model.has_value();
  for (std::size_t begin = plus; begin != std::string_view::npos;) {
    const std::size_t next = text.find('+', begin + 1);
    const std::size_t length = next == std::string_view::npos ? next : next - begin - 1;
    valid &= check_adapter(text.substr(begin + 1, length), node, diagnostics);
    begin = next;
  }
  if (valid) refuse_adapters(node, diagnostics);
  return std::nullopt;
}

/// {path: PATH, revision: REV}: nothing in it is split.
std::optional<ModelReference> read_path(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"path", "revision"}, diagnostics);
  const Node* const path_node = fields.require("path");
  if (path_node == nullptr) return std::nullopt;
  const auto path = read_text(*path_node, diagnostics);
  const Node* const revision_node = fields.find("revision");
  const auto revision = revision_node != nullptr ? read_text(*revision_node, diagnostics) : std::string();
  if (!path || !revision) return std::nullopt;
  if (path->empty()) report(diagnostics, "REF003", *path_node, "the path is empty");
  const bool empty_revision = revision_node != nullptr && revision->empty();
  if (empty_revision) report(diagnostics, "REF003", *revision_node, "the revision is empty");
  if (path->empty() || empty_revision) return std::nullopt;
  return complete(*path, *revision, node);
}

/// {model: M, ...}, M being "PATH[@REV]" or a mapping for read_path().
std::optional<ModelReference> read_mapping(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"model", "lora", "adapters", "override_architecture"}, diagnostics);
  const Node* const model = fields.require("model");
  for (const char* key : {"lora", "adapters"}) {
    const Node* const adapters = fields.find(key);
    if (adapters != nullptr && (adapters->is_scalar() || !adapters->empty())) refuse_adapters(*adapters, diagnostics);
  }
  if (const Node* const other = fields.find("override_architecture")) {
    report(diagnostics, "CFG015", *other, "'override_architecture' is not supported by this version yet");
  }
  if (model == nullptr) return std::nullopt;
  if (model->is_mapping()) return read_path(*model, diagnostics);
  const auto text = read_text(*model, diagnostics);
  return text ? split_revision(*text, *model, diagnostics) : std::nullopt;
}

}  // namespace

std::optional<ModelReference> read_model_reference(const Node& node, Diagnostics& diagnostics) {
  if (node.is_mapping()) return read_mapping(node, diagnostics);
  if (node.is_scalar()) return read_string(node, diagnostics);
  report(diagnostics, "CFG020", node, fmt::format("expected a model, found {}", node.kind_name()),
         "write PATH, PATH@REVISION or {model: {path: PATH, revision: REVISION}}");
  return std::nullopt;
}

}  // namespace stockpot::recipe
