#include "plan/slices.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace stockpot::plan {
namespace {

using recipe::Diagnostics;
using recipe::InputSlice;
using recipe::MergeDocument;
using recipe::OutputSlice;

std::vector<std::string_view> names_of(const ModelView& view) {
  std::vector<std::string_view> names;
  names.reserve(view.tensors.size());
  for (const ViewedTensor& tensor : view.tensors) names.emplace_back(tensor.name);
  return names;
}

/// The module of another model that stands for one of the anchor's. Both have the anchor's names for tensors, but not for
/// modules: one of a model of a single stack is `default`, of a model of several called by its container.
std::optional<std::size_t> counterpart(const Layout& anchor, std::size_t module, const Layout& other) {
  const Module& own = anchor.modules()[module];
  std::optional<std::size_t> found;
  if (own.stack) found = other.find_module(anchor.stacks()[*own.stack].container);
  if (!found) found = other.find_module(own.name);
  return found || module != anchor.primary_module() ? found : other.primary_module();
}

double position_in(std::uint64_t layer, std::uint64_t layers, double alone) {
  return layers < 2 ? alone : static_cast<double>(layer) / static_cast<double>(layers - 1);
}

/// Lays out one module of a document.
class ModuleSlices {
 public:
  /// @param module  index into the anchor's modules; nothing: everything there is.
  ModuleSlices(const MergeDocument& document, const ModelList& models, const Views& views,
               const recipe::Module& written, std::optional<std::size_t> module, Diagnostics& diagnostics)
      : document_(document),
        models_(models),
        views_(views),
        written_(written),
        whole_(!module.has_value()),
        diagnostics_(diagnostics) {
    const Layout& anchor = views.layouts[views.anchor];
    for (const Layout& layout : views.layouts) {
      modules_.push_back(module ? counterpart(anchor, *module, layout) : layout.primary_module());
    }
  }

  std::vector<PlannedSlice> run(std::vector<std::unique_ptr<LayerTable>>& tables) {
    std::vector<PlannedSlice> slices;
    for (const OutputSlice& slice : written_.slices) read_ranges(slice);
    std::uint64_t total = 0;
    for (const LayerRange& range : first_ranges_) total += range.size();
    for (std::size_t s = 0; s < written_.slices.size(); ++s) {
      const OutputSlice& slice = written_.slices[s];
      PlannedSlice planned{&written_, &slice, {}, {}};
      const bool first = s == 0, last = s + 1 == written_.slices.size();
      for (std::size_t i = 0; i < slice.sources.size(); ++i) {
        const std::uint32_t model = models_.index_of(slice.sources[i].model);
        planned.sources.push_back(given(model, ranges_[s][i], total, first, last));
      }
      if (const auto base = unlisted_base(slice))
        planned.unlisted_base = given(*base, base_range(*base), total, first, last);
      next_layer_ += first_ranges_[s].size();
      slices.push_back(std::move(planned));
    }
    if (chooses_layers()) follow_layers(slices, ranges_, views_.models, tables, diagnostics_);
    return slices;
  }

  /// How the layers of the output's stack differ from the anchor's, if they do.
  std::optional<ConfigEdits::Layers> layers() const {
    const Layout& layout = views_.layouts[views_.anchor];
    const auto stack = stack_of(views_.anchor);
    if (!stack || written_.slices.empty() || !written_.slices.front().sources.front().layers) return std::nullopt;
    ConfigEdits::Layers edit{layout.stacks()[*stack].count_key, layout.stacks()[*stack].layers, {}};
    for (const LayerRange& range : first_ranges_) {
      for (std::uint64_t layer = range.first; layer < range.end; ++layer) edit.from.push_back(layer);
    }
    return edit;
  }

 private:
  std::optional<std::size_t> stack_of(std::uint32_t model) const {
    const auto module = modules_[model];
    return module ? views_.layouts[model].modules()[*module].stack : std::nullopt;
  }

  std::uint64_t layers_of(std::uint32_t model) const {
    const auto stack = stack_of(model);
    return stack ? views_.layouts[model].stacks()[*stack].layers : 0;
  }

  LayerRange base_range(std::uint32_t model) const { return {0, layers_of(model), layers_of(model)}; }

  /// Whether some source gives other layers than all of its own.
  bool chooses_layers() const {
    if (ranges_.empty() || ranges_.front().empty() || !written_.slices.front().sources.front().layers) return false;
    return ranges_.size() > 1 ||
           std::ranges::any_of(ranges_.front(), [](const LayerRange& range) { return range.size() != range.layers; });
  }

  void read_ranges(const OutputSlice& slice) {
    std::vector<LayerRange> ranges;
    for (const InputSlice& source : slice.sources) ranges.push_back(range_of(source));
    for (std::size_t i = 1; i < ranges.size(); ++i) {
      if (ranges[i].size() == ranges[0].size()) continue;
      diagnostics_.error("ARC020", slice.sources[i].at,
                         fmt::format("'{}' gives {} layers, but '{}' gives {}", slice.sources[i].model.text,
                                     ranges[i].size(), slice.sources[0].model.text, ranges[0].size()),
                         "all sources of a slice must span the same number of layers");
      ranges[i].end = ranges[i].first + std::min(ranges[i].size(), ranges[0].size());
    }
    first_ranges_.push_back(ranges.empty() ? LayerRange{} : ranges.front());
    ranges_.push_back(std::move(ranges));
  }

  LayerRange range_of(const InputSlice& source) const {
    const std::uint32_t model = models_.index_of(source.model);
    const std::uint64_t layers = layers_of(model);
    if (!source.layers) return {0, layers, layers};
    const auto [first, end] = *source.layers;
    if (end <= layers) return {first, end, layers};
    diagnostics_.error(
        "ARC021", source.at,
        fmt::format("layer_range [{}, {}] of '{}' reaches past its {} layers", first, end, source.model.text, layers));
    return {std::min(first, layers), layers, layers};
  }

  /// The base that a method would want although no source names it: only where there are no ranges to tell its layers.
  std::optional<std::uint32_t> unlisted_base(const OutputSlice& slice) const {
    const auto& base = slice.base_model ? slice.base_model : document_.base_model;
    if (!base || (!slice.sources.empty() && slice.sources.front().layers)) return std::nullopt;
    const std::uint32_t model = models_.index_of(*base);
    const bool listed = std::ranges::any_of(
        slice.sources, [&](const InputSlice& source) { return models_.index_of(source.model) == model; });
    return listed ? std::nullopt : std::optional(model);
  }

  GivenTensors given(std::uint32_t model, LayerRange range, std::uint64_t total, bool first, bool last) const {
    const ModelView& view = views_.models[model];
    const Layout& layout = views_.layouts[model];
    const auto stack = stack_of(model);
    const bool everything = whole_ && !written_.slices.front().sources.front().layers;
    bool has_layers = everything || range.size() == 0;
    GivenTensors result{model, {}};
    for (const ViewedTensor& tensor : view.tensors) {
      const Place place = layout.place(tensor.name);
      if (!whole_ && place.module != modules_[model]) continue;
      const bool in_stack = place.position == Position::layer;
      if (everything || (in_stack && place.stack != stack)) {
        if (!everything && !first) continue;
        result.tensors.push_back(as_it_is(tensor, place, layout));
      } else if (in_stack) {
        if (place.layer < range.first || place.layer >= range.end) continue;
        has_layers = true;
        const std::uint64_t in_slice = place.layer - range.first, in_output = next_layer_ + in_slice;
        result.tensors.push_back({layout.renumbered(place, in_output), &tensor,
                                  position_in(in_slice, range.size(), 1.0), position_in(in_output, total, 0.0)});
      } else if (place.position == Position::before ? first : last) {
        result.tensors.push_back(as_it_is(tensor, place, layout));
        if (place.moves) result.tensors.back().name = layout.renumbered(place, total);
      }
    }
    if (!has_layers) throw Error(ErrorKind::internal, "a range of layers gives none of their tensors");
    std::ranges::sort(result.tensors, {}, &GivenTensor::name);
    return result;
  }

  GivenTensor as_it_is(const ViewedTensor& tensor, const Place& place, const Layout& layout) const {
    const double after = document_.extensions.post_layer_t ? 1.0 : 0.0;
    if (place.position == Position::after) return {tensor.name, &tensor, after, 0.0};
    if (place.position == Position::before) return {tensor.name, &tensor, 0.0, 0.0};
    const std::uint64_t layers = layout.stacks()[place.stack].layers;
    return {tensor.name, &tensor, position_in(place.layer, layers, 1.0), position_in(place.layer, layers, 0.0)};
  }

  const MergeDocument& document_;
  const ModelList& models_;
  const Views& views_;
  const recipe::Module& written_;
  const bool whole_;  // all modules at once
  Diagnostics& diagnostics_;
  std::vector<std::optional<std::size_t>> modules_;  // by model, of its layout; of whole models the primary ones
  std::vector<std::vector<LayerRange>> ranges_;      // by slice, by source
  std::vector<LayerRange> first_ranges_;             // by slice: of its first source
  std::uint64_t next_layer_ = 0;
};

/// The modules of the architecture that a document speaks of, and those that it does not.
class DocumentSlices {
 public:
  DocumentSlices(const MergeDocument& document, const ModelList& models, const Views& views, bool strict,
                 Diagnostics& diagnostics)
      : strict_(strict),
        document_(document),
        models_(models),
        views_(views),
        layout_(views.layouts[views.anchor]),
        diagnostics_(diagnostics) {}

  Slices run() {
    std::vector<bool> mentioned(layout_.modules().size(), document_.form == recipe::Form::models);
    for (const recipe::Module& written : document_.modules) {
      const auto module = module_of(written);
      if (!module && document_.form != recipe::Form::models) continue;
      if (module && mentioned[*module]) {
        report_repeated(written, *module);
        continue;
      }
      if (module) mentioned[*module] = true;
      ModuleSlices slices(document_, models_, views_, written, module, diagnostics_);
      for (PlannedSlice& slice : slices.run(result_.tables)) result_.slices.push_back(std::move(slice));
      if (auto layers = slices.layers()) result_.layers.push_back(std::move(*layers));
    }
    settle_unlisted(mentioned);
    return std::move(result_);
  }

 private:
  std::optional<std::size_t> module_of(const recipe::Module& written) {
    if (document_.form == recipe::Form::models) return std::nullopt;
    if (document_.form == recipe::Form::slices) return layout_.primary_module();
    if (const auto module = layout_.find_module(written.name)) return module;
    std::vector<std::string> known;
    for (const Module& module : layout_.modules()) known.push_back(module.name);
    const std::string near = did_you_mean(written.name, known);
    diagnostics_.error("ARC040", written.at, fmt::format("the architecture has no module '{}'", written.name),
                       fmt::format("it has {}{}{}", fmt::join(known, ", "), near.empty() ? "" : "; ", near));
    return std::nullopt;
  }

  void report_repeated(const recipe::Module& written, std::size_t module) {
    const Module& known = layout_.modules()[module];
    diagnostics_.error("ARC040", written.at,
                       fmt::format("'{}' is a module that the recipe has named before", written.name),
                       fmt::format("{} and {} are names of the same", known.name, fmt::join(known.aliases, ", ")));
  }

  void settle_unlisted(const std::vector<bool>& mentioned) {
    std::vector<std::string> left_out;
    for (std::size_t m = 0; m < mentioned.size(); ++m) {
      if (!mentioned[m]) left_out.push_back(layout_.modules()[m].name);
    }
    if (left_out.empty()) return;
    const bool of_slices = document_.form == recipe::Form::slices;
    const bool copies = of_slices || document_.extensions.unlisted_modules == recipe::UnlistedModules::copy;
    const std::string list = fmt::format("{}", fmt::join(left_out, ", "));
    if (of_slices && strict_) {
      diagnostics_.error("ARC011", document_.at, fmt::format("top-level slices leave the modules {} open", list),
                         "write 'modules:' with slices or models for each");
    } else if (of_slices) {
      diagnostics_.inform("ARC010", document_.at,
                          fmt::format("slices are of module '{}'; copied from '{}': {}",
                                      layout_.modules()[layout_.primary_module()].name, document_.anchor().text, list));
    } else if (!copies) {
      diagnostics_.warn("ARC012", document_.at,
                        fmt::format("modules that the recipe does not mention are left out: {}", list),
                        "'stockpot: {unlisted_modules: copy}' copies them from the base");
    }
    if (!copies) return;
    result_.copied.model = views_.anchor;
    for (const ViewedTensor& tensor : views_.models[views_.anchor].tensors) {
      if (!mentioned[layout_.place(tensor.name).module]) result_.copied.tensors.push_back({tensor.name, &tensor});
    }
  }

  const bool strict_;
  const MergeDocument& document_;
  const ModelList& models_;
  const Views& views_;
  const Layout& layout_;
  Diagnostics& diagnostics_;
  Slices result_;
};

}  // namespace

Views::Views(std::span<const Catalogue> catalogues, std::uint32_t anchor_model, bool raw) : anchor(anchor_model) {
  const ModelView anchors = view_of_anchor(catalogues[anchor]);
  for (std::size_t m = 0; m < catalogues.size(); ++m) {
    models.push_back(raw || m == anchor ? view_of_anchor(catalogues[m]) : view_of(catalogues[m], anchors));
    layouts.emplace_back(raw ? std::vector<std::string_view>() : names_of(models.back()), catalogues[m].config);
  }
}

Slices lay_out(const MergeDocument& document, const ModelList& models, const Views& views, bool strict,
               Diagnostics& diagnostics) {
  return DocumentSlices(document, models, views, strict, diagnostics).run();
}

}  // namespace stockpot::plan
