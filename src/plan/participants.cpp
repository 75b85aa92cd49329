#include "plan/participants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/nearest.hpp"

namespace stockpot::plan {
namespace {

using recipe::Diagnostics;
using recipe::InputSlice;

/// Names that people use for methods called otherwise.
const std::map<std::string, std::string_view, std::less<>> synonyms{
    {"dare", "did you mean 'dare_ties' or 'dare_linear'?"},
    {"frankenmerge", "did you mean 'passthrough'?"},
    {"average", "did you mean 'linear'?"},
    {"soup", "did you mean 'linear'?"},
    {"modelstock", "did you mean 'model_stock'?"},
};

void report_unknown_method(const std::string& method, recipe::Position at, Diagnostics& diagnostics) {
  if (at.line == 0) return;  // nothing that could be one was read, and that was said
  std::vector<std::string> names;
  for (const auto* known : methods::all_methods()) names.emplace_back(known->name);
  const auto synonym = synonyms.find(method);
  diagnostics.error("CFG011", at, fmt::format("unknown merge method '{}'", method),
                    synonym != synonyms.end() ? std::string(synonym->second) : did_you_mean(method, names));
}

bool has_ranges(const recipe::OutputSlice& slice) {
  return std::ranges::any_of(slice.sources, [](const InputSlice& source) { return source.layers.has_value(); });
}

bool lists(const recipe::OutputSlice& slice, const recipe::ModelReference& model) {
  return std::ranges::any_of(slice.sources, [&](const InputSlice& source) { return source.model == model; });
}

/// The base that the method will use, or nothing.
const recipe::ModelReference* usable_base(const recipe::MergeDocument& document, const Participants& found,
                                          Diagnostics& diagnostics) {
  const auto& slice = *found.slice;
  const auto& base = slice.base_model ? slice.base_model : document.base_model;
  if (!base) {
    if (found.method->base == methods::BaseUse::required) {
      diagnostics.error("CFG050", found.method_at,
                        fmt::format("method '{}' needs a base model and the recipe names none", found.method->name),
                        "add 'base_model: ...'");
    }
    return nullptr;
  }
  if (found.method->base == methods::BaseUse::none) return nullptr;
  if (has_ranges(slice) && !lists(slice, *base)) {
    const auto [first, end] = *slice.sources.front().layers;
    diagnostics.error(
        "ARC022", slice.at, fmt::format("base model '{}' is not among the sources of this slice", base->text),
        fmt::format("add '- {{model: {}, layer_range: [{}, {}]}}' to its sources", base->text, first, end));
    return nullptr;
  }
  return &*base;
}

/// What to do about a number of models that the method does not take, where that can be told.
std::string count_help(const Participants& found) {
  const auto& method = *found.method;
  const auto& sources = found.slice->sources;
  if (found.inputs.size() < method.min_models && sources.size() == 1 && has_ranges(*found.slice)) {
    const auto [first, end] = *sources.front().layers;
    return fmt::format(
        "{}layers of one model are copied by 'passthrough': merge the other slices in a stage with a 'name', and stack "
        "that stage's layers and these by a document of this method (docs/recipe.md, Stages)",
        first == end ? "a slice without layers can be left out; " : "");
  }
  const bool one_too_many = found.base && found.inputs.size() == 2 && method.max_models == 1;
  if (!one_too_many) return "";
  return fmt::format(
      "'{}' merges its base with one model: to merge these two, make one of them 'base_model'; 'nuslerp' and others "
      "merge two beside a base",
      method.name);
}

void check_count(const Participants& found, Diagnostics& diagnostics) {
  const auto& method = *found.method;
  // Without the base that it needs, which was reported, one of the models may be meant to be it.
  const bool lacks_base = method.base == methods::BaseUse::required && !found.base;
  if (lacks_base && found.inputs.size() == method.min_models + 1) return;
  const std::size_t count = found.inputs.size();
  if (count >= method.min_models && count <= method.max_models) return;
  const std::size_t needed = count < method.min_models ? method.min_models : method.max_models;
  const std::string_view quantity = method.min_models == method.max_models ? "exactly"
                                    : count < method.min_models            ? "at least"
                                                                           : "at most";
  diagnostics.error("CFG050", has_ranges(*found.slice) ? found.slice->at : found.method_at,
                    fmt::format("method '{}' needs {} {} model{}{}, found {}", method.name, quantity, needed,
                                needed == 1 ? "" : "s", found.base ? " beside the base" : "", count),
                    count_help(found));
}

void warn_of_idle_base(const recipe::MergeDocument& document, const Participants& found, Diagnostics& diagnostics) {
  if (found.method->base != methods::BaseUse::none || !found.named_base || has_ranges(*found.slice)) return;
  if (std::ranges::find(found.inputs, *found.named_base, &Participants::Input::model) != found.inputs.end()) return;
  const auto& base = found.slice->base_model ? found.slice->base_model : document.base_model;
  diagnostics.warn("CFG048", base->at,
                   fmt::format("method '{}' uses no base: '{}' takes no part", found.method->name, base->text),
                   "list it among the models if it is to be merged");
}

/// Whether the document's own method adds a base that is not listed to the sources.
bool joins_unlisted(const recipe::MergeDocument& document, const recipe::OutputSlice& slice) {
  const methods::MethodSpec* const own = methods::find_method(document.method);
  return own != nullptr && own->base != methods::BaseUse::none && !has_ranges(slice);
}

/// An override that passes tensors through takes the base's where the slice has several sources.
void keep_base_alone(const recipe::MergeDocument& document, const ModelList& models, Participants& found) {
  const auto& base = found.slice->base_model ? found.slice->base_model : document.base_model;
  if (!base) return;
  const std::uint32_t wanted = models.index_of(*base);
  const auto own = std::ranges::find(found.inputs, wanted, &Participants::Input::model);
  const bool joins = own == found.inputs.end() && joins_unlisted(document, *found.slice);
  if (found.inputs.size() + (joins ? 1 : 0) < 2) return;
  const Participants::Input unlisted{wanted, nullptr, base->text, base->at};
  found.inputs = {own != found.inputs.end() ? *own : unlisted};
}

}  // namespace

std::uint32_t ModelList::index_of(const recipe::ModelReference& model) const {
  const auto at = std::ranges::find(models_, model);
  if (at == models_.end()) throw Error(ErrorKind::internal, "a model of the recipe is not in its list of models");
  return static_cast<std::uint32_t>(at - models_.begin());
}

std::optional<Participants> find_participants(const recipe::MergeDocument& document, const ModelList& models,
                                              const recipe::Module& module, const recipe::OutputSlice& slice,
                                              const recipe::Override* override, Diagnostics& diagnostics) {
  Participants found;
  const bool own_method = override != nullptr && !override->method.empty();
  const std::string& method = own_method ? override->method : document.method;
  found.method_at = own_method ? override->method_at : document.method_at;
  found.method = methods::find_method(method);
  if (found.method == nullptr) report_unknown_method(method, found.method_at, diagnostics);
  if (found.method == nullptr) return std::nullopt;

  found.document_parameters = &document.parameters;
  found.module = &module;
  found.slice = &slice;
  found.override = override;
  found.anchor = models.index_of(document.anchor());
  const auto& named = slice.base_model ? slice.base_model : document.base_model;
  if (named) found.named_base = models.index_of(*named);
  const auto* base = usable_base(document, found, diagnostics);
  if (base != nullptr) found.base = models.index_of(*base);
  for (const InputSlice& source : slice.sources) {
    const std::uint32_t model = models.index_of(source.model);
    if (model != found.base) found.inputs.push_back({model, &source, source.key, source.at});
  }
  if (own_method && found.method->absent == methods::AbsentRule::exactly_one) keep_base_alone(document, models, found);
  warn_of_idle_base(document, found, diagnostics);
  check_count(found, diagnostics);
  return found;
}

void check_architectures(const recipe::MergeDocument& document, const ModelList& models,
                         std::span<const Catalogue> catalogues, Diagnostics& diagnostics) {
  const auto kind = [](const Catalogue& model) {
    return model.config.architectures.empty() ? model.config.model_type : model.config.architectures.front();
  };
  std::size_t first = catalogues.size();
  for (std::size_t m = 0; m < catalogues.size(); ++m) {
    if (kind(catalogues[m]).empty() || !document.takes_part(models.all()[m])) continue;
    first = std::min(first, m);
    if (kind(catalogues[m]) == kind(catalogues[first])) continue;
    diagnostics.error("ARC050", models.all()[m].at,
                      fmt::format("'{}' is a {}, but '{}' is a {}", models.all()[m].text, kind(catalogues[m]),
                                  models.all()[first].text, kind(catalogues[first])),
                      "--allow-crimes merges by names all the same");
  }
}

}  // namespace stockpot::plan
