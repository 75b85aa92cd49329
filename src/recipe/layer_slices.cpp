#include "recipe/layer_slices.hpp"

#include <fmt/format.h>

#include <utility>

#include "recipe/sources.hpp"

namespace stockpot::recipe {
namespace {

OutputSlice slice_of(ModelReference model, std::pair<std::uint64_t, std::uint64_t> layers, Position at) {
  InputSlice source{.model = std::move(model), .layers = layers, .parameters = {}, .key = {}, .at = at};
  source.key = source.model.text;
  return {.sources = {std::move(source)}, .base_model = {}, .parameters = {}, .at = at};
}

/// What `scale: NUMBER` stands for.
Parameters scale_of_down_proj(double scale, Position name_at, Position at) {
  Setting setting{.cases = {{.filter = "down_proj", .values = {scale}, .at = at}}, .at = at};
  return {.entries = {{.name = "scale", .at = name_at, .setting = std::move(setting)}}};
}

std::optional<OutputSlice> read_entry(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"model", "start", "end", "scale"}, diagnostics);
  const Node* const model_node = fields.require("model");
  const Node* const start = fields.require("start");
  const Node* const end = fields.require("end");
  const Node* const scale_node = fields.find("scale");
  auto model = model_node != nullptr ? read_model_reference(*model_node, diagnostics) : std::nullopt;
  const auto layers = start != nullptr && end != nullptr ? read_layers(*start, *end, node, diagnostics) : std::nullopt;
  const auto scale = scale_node != nullptr ? read_double(*scale_node, diagnostics) : std::nullopt;
  if (!model || !layers) return std::nullopt;
  OutputSlice slice = slice_of(std::move(*model), *layers, node.at);
  if (scale) slice.sources[0].parameters = scale_of_down_proj(*scale, fields.key_at("scale"), scale_node->at);
  return slice;
}

/// A slice without layers, for what a model has before or after them.
void add_end(const Fields& fields, std::string_view key, std::vector<OutputSlice>& slices, Diagnostics& diagnostics) {
  const Node* const node = fields.find(key);
  if (node == nullptr) return;
  if (auto model = read_model_reference(*node, diagnostics))
    slices.push_back(slice_of(std::move(*model), {0, 0}, node->at));
}

void warn_of_unused(const Fields& fields, Diagnostics& diagnostics) {
  for (const char* key : {"merge_method", "models", "slices", "modules", "base_model", "parameters"}) {
    const Node* const value = fields.find(key);
    const bool says_the_same = value != nullptr && value->is_scalar() && value->text == "passthrough";
    if (value != nullptr && !says_the_same)
      diagnostics.warn("CFG007", fields.key_at(key), fmt::format("'{}' has no effect beside 'layer_slices'", key));
  }
}

}  // namespace

void read_layer_slices(const Fields& fields, MergeDocument& document, Diagnostics& diagnostics) {
  document.form = Form::slices;
  document.method = "passthrough";
  document.method_at = fields.key_at("layer_slices");
  warn_of_unused(fields, diagnostics);
  const Node* const list = fields.require("layer_slices");
  if (list == nullptr) return;
  if (list->is_sequence() && list->empty())
    report(diagnostics, "CFG012", *list, "nothing to merge: 'layer_slices' is empty");
  Module module{.name = "", .slices = {}, .parameters = {}, .at = list->at};
  add_end(fields, "embedding_source", module.slices, diagnostics);
  for (const Node& entry : read_sequence(*list, diagnostics)) {
    if (auto slice = read_entry(entry, diagnostics)) module.slices.push_back(std::move(*slice));
  }
  add_end(fields, "lm_head_source", module.slices, diagnostics);
  document.modules.push_back(std::move(module));
}

}  // namespace stockpot::recipe
