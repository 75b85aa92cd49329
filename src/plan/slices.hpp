// From a document to slices of output tensors: which tensors each source gives, under the names of the output.
//
// A document is modules, a module is slices, a slice has sources. `models:` is one slice of everything. Output layers are
// numbered one after the other over the slices of a module; tensors before the layers come from its first slice, those
// after them from its last.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/config_edits.hpp"
#include "plan/layer_tables.hpp"
#include "plan/layout.hpp"
#include "plan/model_view.hpp"
#include "plan/participants.hpp"

namespace stockpot::plan {

/// A tensor of one source under its name in the output.
struct GivenTensor {
  std::string name;
  const ViewedTensor* viewed = nullptr;
  double depth = 0.0;           ///< t, at which gradients are read
  double layer_position = 0.0;  ///< l / (L - 1), where `lines` has its beta
};

struct GivenTensors {
  std::uint32_t model = 0;
  std::vector<GivenTensor> tensors;  ///< ascending by name, bytewise
};

struct PlannedSlice {
  const recipe::Module* module = nullptr;
  const recipe::OutputSlice* slice = nullptr;
  std::vector<GivenTensors> sources;          ///< parallel to slice->sources
  std::optional<GivenTensors> unlisted_base;  ///< the base that takes part without being a source
};

/// All models of a document as the anchor's world sees them.
struct Views {
  std::vector<ModelView> models;  ///< parallel to the catalogues
  std::vector<Layout> layouts;    ///< likewise, of the views' names
  std::uint32_t anchor = 0;

  /// @param raw  names are left as they are, and none is a layer's.
  Views(std::span<const Catalogue> catalogues, std::uint32_t anchor, bool raw = false);
};

struct Slices {
  std::vector<PlannedSlice> slices;
  GivenTensors copied;                              ///< of modules that the document does not mention: the anchor's
  std::vector<ConfigEdits::Layers> layers;          ///< of stacks whose layers are not just the anchor's
  std::vector<std::unique_ptr<LayerTable>> tables;  ///< that given tensors point to
};

/// Lays the document out. Points into the document and the views. Adds a diagnostic for each mistake: ranges that leave
/// their model (ARC021), sources of unequal length (ARC020), modules that are unknown or named twice (ARC040), left out
/// (ARC012) or copied (ARC010), tables by layer that cannot follow (ARC031).
/// @param strict  top-level slices of models with several modules are a mistake (ARC011).
Slices lay_out(const recipe::MergeDocument& document, const ModelList& models, const Views& views, bool strict,
               recipe::Diagnostics& diagnostics);

}  // namespace stockpot::plan
