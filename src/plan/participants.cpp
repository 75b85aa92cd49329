#include "plan/participants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/nearest.hpp"
#include "plan/layers.hpp"

namespace stockpot::plan {
namespace {

using recipe::Diagnostics;
using recipe::InputSlice;
using recipe::MergeDocument;

/// Names that people use for methods called otherwise.
const std::map<std::string, std::string_view, std::less<>> synonyms{
    {"dare", "did you mean 'dare_ties' or 'dare_linear'?"},
    {"frankenmerge", "did you mean 'passthrough'?"},
    {"average", "did you mean 'linear'?"},
    {"soup", "did you mean 'linear'?"},
    {"modelstock", "did you mean 'model_stock'?"},
};

void report_unknown_method(const MergeDocument& document, Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const auto* method : methods::all_methods()) names.emplace_back(method->name);
  const auto synonym = synonyms.find(document.method);
  diagnostics.error("CFG011", document.method_at, fmt::format("unknown merge method '{}'", document.method),
                    synonym != synonyms.end() ? std::string(synonym->second) : did_you_mean(document.method, names));
}

std::uint32_t index_of(const std::vector<recipe::ModelReference>& models, const recipe::ModelReference& wanted) {
  const auto at = std::find(models.begin(), models.end(), wanted);
  if (at == models.end()) throw Error(ErrorKind::internal, "a model of the recipe is not in its list of models");
  return static_cast<std::uint32_t>(at - models.begin());
}

std::uint64_t layers_of(const Catalogue& model) {
  std::vector<std::string_view> names;
  names.reserve(model.tensors.size());
  for (const auto& tensor : model.tensors) names.emplace_back(tensor.info.name);
  return LayerStacks(names, model.config.layer_counts).longest();
}

/// Layer ranges are understood where they are all the layers of their model.
void check_layers(const InputSlice& source, const Catalogue& model, Diagnostics& diagnostics) {
  if (!source.layers) return;
  const std::uint64_t layers = layers_of(model);
  const auto [first, end] = *source.layers;
  if (first == 0 && end == layers) return;
  const std::string range = fmt::format("layer_range [{}, {}] of '{}'", first, end, source.model.text);
  if (end > layers) {
    diagnostics.error("ARC021", source.at, fmt::format("{} reaches past its {} layers", range, layers));
  } else {
    diagnostics.error("CFG016", source.at, fmt::format("{} is not all of its {} layers", range, layers),
                      "this version merges whole models: use 'models:', or ranges that span every layer");
  }
}

/// The base that the method will use, or nothing.
const recipe::ModelReference* usable_base(const MergeDocument& document, const Participants& found,
                                          Diagnostics& diagnostics) {
  const auto& slice = *found.slice;
  const auto& base = slice.base_model ? slice.base_model : document.base_model;
  const auto is_base = [&](const InputSlice& source) { return source.model == *base; };
  const bool listed = base && std::any_of(slice.sources.begin(), slice.sources.end(), is_base);
  const bool in_slices = std::any_of(slice.sources.begin(), slice.sources.end(),
                                     [](const InputSlice& source) { return source.layers.has_value(); });
  if (!base && found.method->base == methods::BaseUse::required) {
    diagnostics.error("CFG050", document.method_at,
                      fmt::format("method '{}' needs a base model and the recipe names none", found.method->name),
                      "add 'base_model: ...'");
  }
  if (!base) return nullptr;
  if (found.method->base == methods::BaseUse::none) {
    if (!listed) {
      diagnostics.warn("CFG048", base->at,
                       fmt::format("method '{}' uses no base: '{}' takes no part", found.method->name, base->text),
                       "list it among the models if it is to be merged");
    }
    return nullptr;
  }
  if (in_slices && !listed) {
    diagnostics.error("ARC022", slice.at, fmt::format("base model '{}' is not among the sources", base->text),
                      fmt::format("add '- model: {}' with its layer_range", base->text));
  }
  return &*base;
}

void check_count(const MergeDocument& document, const Participants& found, Diagnostics& diagnostics) {
  const auto& method = *found.method;
  const std::size_t count = found.inputs.size();
  if (count >= method.min_models && count <= method.max_models) return;
  const std::size_t needed = count < method.min_models ? method.min_models : method.max_models;
  const std::string_view quantity = method.min_models == method.max_models ? "exactly"
                                    : count < method.min_models            ? "at least"
                                                                           : "at most";
  diagnostics.error("CFG050", document.method_at,
                    fmt::format("method '{}' needs {} {} model{}{}, found {}", method.name, quantity, needed,
                                needed == 1 ? "" : "s", found.base ? " beside the base" : "", count));
}

void check_architectures(const MergeDocument& document, std::span<const Catalogue> catalogues,
                         Diagnostics& diagnostics) {
  const auto kind = [](const Catalogue& model) {
    return model.config.architectures.empty() ? model.config.model_type : model.config.architectures.front();
  };
  const auto models = document.models();
  std::size_t first = models.size();
  for (std::size_t m = 0; m < models.size(); ++m) {
    if (kind(catalogues[m]).empty()) continue;
    first = std::min(first, m);
    if (kind(catalogues[m]) == kind(catalogues[first])) continue;
    diagnostics.error("ARC050", models[m].at,
                      fmt::format("'{}' is a {}, but '{}' is a {}", models[m].text, kind(catalogues[m]),
                                  models[first].text, kind(catalogues[first])),
                      "--allow-crimes merges by names all the same");
  }
}

}  // namespace

std::optional<Participants> find_participants(const MergeDocument& document, std::span<const Catalogue> catalogues,
                                              bool allow_crimes, Diagnostics& diagnostics) {
  Participants found;
  found.method = methods::find_method(document.method);
  if (found.method == nullptr) report_unknown_method(document, diagnostics);
  const bool one_slice = document.modules.size() == 1 && document.modules.front().slices.size() == 1;
  if (!one_slice) {
    diagnostics.error("CFG016", document.method_at, "the recipe assembles its output from several slices or modules",
                      "this version merges whole models: use 'models:', or one slice that spans every layer");
  }
  if (found.method == nullptr || !one_slice) return std::nullopt;

  found.module = &document.modules.front();
  found.slice = &found.module->slices.front();
  const auto models = document.models();
  found.anchor = index_of(models, document.anchor());
  const auto* base = usable_base(document, found, diagnostics);
  if (base != nullptr) found.base = index_of(models, *base);
  for (const InputSlice& source : found.slice->sources) {
    const std::uint32_t model = index_of(models, source.model);
    check_layers(source, catalogues[model], diagnostics);
    if (model != found.base) found.inputs.push_back({model, &source});
  }
  check_count(document, found, diagnostics);
  if (!allow_crimes) check_architectures(document, catalogues, diagnostics);
  return found;
}

}  // namespace stockpot::plan
