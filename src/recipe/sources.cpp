#include "recipe/sources.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <string_view>

#include "recipe/fields.hpp"
#include "recipe/number.hpp"

namespace stockpot::recipe {
namespace {

/// What a `models:` entry and a source of a slice have in common; nothing if the model cannot be read.
std::optional<InputSlice> read_input(const Node& node, const Fields& fields, ReadReference read_reference,
                                     Diagnostics& diagnostics) {
  InputSlice input{.model = {}, .layers = {}, .parameters = {}, .key = {}, .at = node.at};
  input.parameters = parameters_of(fields, diagnostics);
  const Node* const key = fields.find("key");
  const auto key_text = key != nullptr ? read_text(*key, diagnostics) : std::nullopt;
  const Node* const model = fields.require("model");
  auto reference = model != nullptr ? read_reference(*model, diagnostics) : std::nullopt;
  if (!reference) return std::nullopt;
  input.model = std::move(*reference);
  input.key = key_text.value_or(input.model.text);
  return input;
}

/// A layer's number. Integral floats and quoted numbers count.
std::optional<std::uint64_t> read_layer(const Node& node, Diagnostics& diagnostics) {
  const ReadNumber number = node.is_scalar() ? read_number(node.text, node.quoted) : ReadNumber{};
  const std::string shown = node.is_scalar() ? in_quotes(node.text) : std::string(node.kind_name());
  if (number.kind != ReadNumber::Kind::number) {
    report(diagnostics, "CFG030", node, fmt::format("{} is not a whole number", shown));
  } else if (number.value < 0.0) {
    report(diagnostics, "CFG031", node, fmt::format("layer {} is negative: layers are counted from 0", shown));
  } else if (number.value != std::trunc(number.value)) {
    report(diagnostics, "CFG033", node, fmt::format("layer {} is not whole", shown));
  } else if (number.value >= 0x1p53) {
    report(diagnostics, "CFG030", node, fmt::format("{} is no layer of any model", shown));
  } else {
    return static_cast<std::uint64_t>(number.value);
  }
  return std::nullopt;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> read_layer_range(const Node& node, Diagnostics& diagnostics) {
  const auto bounds = node.is_sequence() ? read_sequence(node, diagnostics) : std::vector<Node>{};
  if (bounds.size() == 2) return read_layers(bounds[0], bounds[1], node, diagnostics);
  const std::string found =
      node.is_sequence() ? fmt::format("{} values", bounds.size()) : std::string(node.kind_name());
  report(diagnostics, "CFG030", node, fmt::format("'layer_range' is two whole numbers; found {}", found),
         "write [START, END]: layers START to END - 1");
  return std::nullopt;
}

std::optional<InputSlice> read_source(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"model", "layer_range", "parameters", "key"}, diagnostics, Severity::warning, "model");
  auto input = read_input(node, fields, read_model_reference, diagnostics);
  const Node* const range = fields.require("layer_range");
  const auto layers = range != nullptr ? read_layer_range(*range, diagnostics) : std::nullopt;
  if (!input || !layers) return std::nullopt;
  input->layers = layers;
  return input;
}

OutputSlice read_slice(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"sources", "base_model", "parameters", "residual_weight"}, diagnostics);
  OutputSlice slice{.sources = {}, .base_model = {}, .parameters = {}, .at = node.at};
  if (const Node* value = fields.find("base_model")) slice.base_model = read_model_reference(*value, diagnostics);
  slice.parameters = parameters_of(fields, diagnostics);
  if (fields.find("residual_weight") != nullptr)
    diagnostics.warn("CFG007", fields.key_at("residual_weight"), "'residual_weight' has no effect");
  const Node* const sources = fields.require("sources");
  if (sources == nullptr) return slice;
  if (sources->is_sequence() && sources->empty())
    report(diagnostics, "CFG012", *sources, "nothing to merge: the slice has no sources");
  for (const Node& source : read_sequence(*sources, diagnostics)) {
    if (auto input = read_source(source, diagnostics)) slice.sources.push_back(std::move(*input));
  }
  return slice;
}

Module read_module(const Node::Member& member, Diagnostics& diagnostics) {
  Module module{.name = member.key, .slices = {}, .parameters = {}, .at = member.key_at};
  if (member.key.empty()) diagnostics.error("CFG020", member.key_at, "a module needs a name");
  const Fields fields(member.value, {"models", "slices", "parameters"}, diagnostics);
  if (!member.value.is_mapping()) return module;
  module.parameters = parameters_of(fields, diagnostics);
  const Node* const models = fields.find_filled("models");
  const Node* const slices = fields.find_filled("slices");
  if ((models != nullptr) == (slices != nullptr)) {
    const bool both = models != nullptr;
    diagnostics.error("CFG014", member.key_at,
                      fmt::format("module {} has {} 'models' {} 'slices'", in_quotes(member.key),
                                  both ? "both" : "neither", both ? "and" : "nor"),
                      "a module lists exactly one of them");
  } else if (models != nullptr) {
    module.slices.push_back(read_models(*models, read_model_reference, diagnostics));
  } else {
    module.slices = read_slices(*slices, diagnostics);
  }
  return module;
}

void check_slice(const OutputSlice& slice, Diagnostics& diagnostics) {
  using Identity = std::pair<std::string_view, std::string_view>;
  std::map<Identity, const InputSlice*> seen;
  for (const InputSlice& input : slice.sources) {
    const auto [first, is_new] = seen.emplace(Identity(input.model.text, input.key), &input);
    if (is_new) continue;
    diagnostics.error("ARC023", input.at,
                      fmt::format("model {} is listed at line {} and again at line {}", in_quotes(input.model.text),
                                  first->second->at.line, input.at.line),
                      "remove one of them, or give each its own 'key:' if both are meant");
  }
}

}  // namespace

OutputSlice read_models(const Node& node, ReadReference read_reference, Diagnostics& diagnostics) {
  OutputSlice slice{.sources = {}, .base_model = {}, .parameters = {}, .at = node.at};
  for (const Node& entry : read_sequence(node, diagnostics)) {
    const Fields fields(entry, {"model", "parameters", "key"}, diagnostics, Severity::warning, "model");
    if (auto input = read_input(entry, fields, read_reference, diagnostics)) slice.sources.push_back(std::move(*input));
  }
  return slice;
}

std::vector<OutputSlice> read_slices(const Node& node, Diagnostics& diagnostics) {
  std::vector<OutputSlice> slices;
  for (const Node& slice : read_sequence(node, diagnostics)) slices.push_back(read_slice(slice, diagnostics));
  return slices;
}

std::vector<Module> read_modules(const Node& node, Diagnostics& diagnostics) {
  std::vector<Module> modules;
  if (!node.is_mapping()) {
    report(diagnostics, "CFG020", node, fmt::format("expected a mapping of modules, found {}", node.kind_name()));
    return modules;
  }
  for (const Node::Member& member : node.members()) modules.push_back(read_module(member, diagnostics));
  return modules;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> read_layers(const Node& start, const Node& end, const Node& at,
                                                                   Diagnostics& diagnostics) {
  const auto first = read_layer(start, diagnostics);
  const auto last = read_layer(end, diagnostics);
  if (!first || !last) return std::nullopt;
  if (*first > *last) {
    report(diagnostics, "CFG032", at, fmt::format("layers {} to {} run backwards", *first, *last));
    return std::nullopt;
  }
  if (*first == *last) {
    diagnostics.warn("CFG032", at.at, fmt::format("layers {} to {} are none", *first, *last),
                     "the end is not included; such a range only supplies tensors before or after the layers");
  }
  return std::pair(*first, *last);
}

void check_repetitions(const MergeDocument& document, Diagnostics& diagnostics) {
  for (const Module& module : document.modules) {
    for (const OutputSlice& slice : module.slices) check_slice(slice, diagnostics);
  }
}

}  // namespace stockpot::recipe
