// The merge, decided: for each output tensor its sources, method, parameters and place. A pure function of the recipe
// and of the models' headers; nothing here depends on the number of ranks. What depends on it is in schedule.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/catalogue.hpp"
#include "methods/method.hpp"
#include "partition/shard.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::plan {

/// A tensor of one input model.
struct SourceTensor {
  std::uint32_t model = 0;   ///< index into MergePlan::models
  std::uint32_t tensor = 0;  ///< index into that catalogue's tensors
};

/// What becomes of an output tensor.
enum class Action {
  copy,   ///< the bytes of `sources[0]`, whatever their type
  merge,  ///< the group's method; a copy into another type is a merge by passthrough
};

struct PlannedTensor {
  TensorInfo output;
  Action action = Action::merge;
  std::vector<SourceTensor> sources;  ///< models that take part, in configuration order, base excluded
  std::optional<SourceTensor> base;
  bool float64 = false;     ///< compute in double: some source is F64
  std::uint32_t group = 0;  ///< index into MergePlan::groups; Action::merge only
  /// `lines` with alpha: auto: the factor of the task vector is alpha, once it is known, plus this.
  std::optional<double> lines_offset = {};
};

/// Tensors that share a Method object.
struct Group {
  std::vector<std::uint32_t> tensors;  ///< ascending by name, bytewise
  const methods::MethodSpec* method = nullptr;
  methods::GroupInfo info;
  methods::Granularity granularity = methods::Granularity::block;
  methods::Needs needs;
};

struct MergePlan {
  std::vector<Catalogue> models;       ///< as MergeDocument::models() lists them
  std::uint32_t anchor = 0;            ///< donor of config.json, tokenizer and companion files: index into models
  std::vector<PlannedTensor> tensors;  ///< ascending by name, bytewise
  std::vector<methods::OutputTensor> context;  ///< parallel to `tensors`; what tiles carry
  std::vector<Group> groups;
  std::vector<partition::Shard> shards;
  std::optional<DType> config_dtype;        ///< to be written into config.json; nothing: keep
  bool unties_head = false;                 ///< config.json must say tie_word_embeddings: false; else: keep
  std::optional<std::uint64_t> vocab_size;  ///< to be written into config.json; nothing: keep
  recipe::Nonfinite nonfinite = recipe::Nonfinite::error;
  bool round_inputs = false;  ///< inputs are first rounded to `round_dtype`
  std::optional<DType> round_dtype;
  std::uint64_t seed = 0;
  std::size_t lines_models = 0;  ///< models over which alpha: auto is a mean; 0: there is no such alpha
  std::string method;            ///< of the document, for reports
  std::vector<std::string> warnings;

  std::uint64_t output_bytes() const;
  /// Bytes of all sources of one tensor, read once.
  std::uint64_t input_bytes(std::uint32_t tensor) const;
  const TensorInfo& info(SourceTensor source) const { return models[source.model].tensors[source.tensor].info; }
};

/// What the command line may change.
struct PlanOptions {
  std::optional<std::uint64_t> seed = {};
  std::optional<std::uint64_t> shard_bytes = {};
  std::optional<recipe::Nonfinite> nonfinite = {};
  bool strict = false;  ///< warnings of the recipe are errors
  /// Other architectures, and more than a tenth of the tensors missing somewhere, are allowed.
  bool allow_crimes = false;
  bool truncate_embeddings = false;  ///< embeddings of different size are cut to what all have, for every method
};

/// @param catalogues  of document.models(), in that order.
/// @throws Error(recipe) with diagnostics at the recipe's lines for method, parameters, counts and ranges;
///         Error(corrupt_input) with one report of all names, dtypes and shapes that do not fit together.
MergePlan make_plan(const recipe::Recipe& recipe, const recipe::MergeDocument& document,
                    std::vector<Catalogue> catalogues, const PlanOptions& options);

}  // namespace stockpot::plan
