// The merge, decided: for each output tensor its sources, method, parameters and place. A pure function of the recipe
// and of the models' headers; nothing here depends on the number of ranks. What depends on it is in schedule.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/catalogue.hpp"
#include "core/config_edits.hpp"
#include "core/prompt_tokens.hpp"
#include "core/random.hpp"
#include "core/vocabulary.hpp"
#include "methods/method.hpp"
#include "partition/shard.hpp"
#include "plan/adapters.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::plan {

/// Where one model's values for an output tensor come from.
struct SourceTensor {
  static constexpr std::uint32_t as_stored = 0xffffffff;
  std::uint32_t model = 0;           ///< index into MergePlan::models
  std::uint32_t tensor = 0;          ///< index into that catalogue's tensors; of several, the first
  std::uint32_t gather = as_stored;  ///< index into MergePlan::gathers
  bool operator==(const SourceTensor&) const = default;
};

/// A source that is not one stored tensor from its beginning: runs of rows of stored tensors, and rows that are stored
/// nowhere. Experts that are laid end to end, embeddings under another vocabulary, routers drawn at random.
struct Gather {
  enum class Kind {
    stored,  ///< consecutive rows of a part
    zero,
    mean,            ///< one row: the mean of the rows that `means` lists
    mean_of_stored,  ///< the mean of all rows that are of another kind than this
    prompts          ///< one row: what MergePlan::prompts, at `part`, makes of the rows of the first part
  };
  static constexpr std::uint32_t no_draw = 0xffffffff;
  struct Run {
    std::uint64_t first = 0, count = 0;  ///< rows of the source
    Kind kind = Kind::stored;
    std::uint32_t part = 0;        ///< index into parts, for Kind::mean into means
    std::uint64_t row = 0;         ///< first row in the part
    std::uint32_t draw = no_draw;  ///< index into draws: values that are added
    double factor = 1.0;           ///< of the sum, at last
    bool operator==(const Run&) const = default;
  };
  /// Random values by the flat index of the source's elements: whoever makes a part of them makes the same.
  struct Draw {
    Distribution distribution = Distribution::normal;
    double scale = 1.0;
    RandomStream stream;
  };
  struct Part {
    std::uint32_t model = 0, tensor = 0;
    bool turned = false;  ///< each of its matrices transposed: the last two dimensions have changed places
    bool operator==(const Part&) const = default;
  };
  struct PartRow {
    std::uint32_t part = 0;
    std::uint64_t row = 0;
    bool operator==(const PartRow&) const = default;
  };
  Shape shape;
  std::uint64_t row_elements = 1;           ///< of source and parts alike; 1 where pieces need not end at rows
  std::vector<Part> parts;                  ///< the first names the model in messages, whether a run takes it or not
  std::vector<Run> runs;                    ///< ascending, without gaps
  std::vector<std::vector<PartRow>> means;  ///< in the order in which they are added
  std::vector<Draw> draws = {};
  bool turned = false;  ///< what runs make are matrices whose transposes `shape` is of
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
  std::vector<SourceTensor> others = {};  ///< Action::copy of integers: models whose copies should be the same
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
  std::vector<Catalogue> models;        ///< as MergeDocument::models() lists them
  std::vector<AdaptedTensors> adapted;  ///< parallel to `models`: what adapters do to their tensors
  std::uint32_t anchor = 0;             ///< donor of config.json, tokenizer and companion files: index into models
  std::vector<PlannedTensor> tensors;   ///< ascending by name, bytewise
  std::vector<Gather> gathers;
  PromptTokens prompts;                        ///< of experts; what routers are made of, if they are made of it
  std::vector<std::uint32_t> routers;          ///< indices into tensors: those with a row for each expert
  std::vector<methods::OutputTensor> context;  ///< parallel to `tensors`; what tiles carry
  std::vector<Group> groups;
  std::vector<partition::Shard> shards;
  ConfigEdits config;
  recipe::Nonfinite nonfinite = recipe::Nonfinite::error;
  bool round_inputs = false;  ///< inputs are first rounded to `round_dtype`
  std::optional<DType> round_dtype;
  std::uint64_t seed = 0;
  std::size_t lines_models = 0;          ///< models over which alpha: auto is a mean; 0: there is no such alpha
  std::optional<DType> adapter_dtype;    ///< base plus adapters is rounded to this type; nothing: exact
  std::string method;                    ///< of the document, for reports
  std::vector<Remark> remarks;           ///< decisions and warnings
  std::vector<std::string> explanation;  ///< lines on PlanOptions::explain

  std::uint64_t output_bytes() const;
  /// Bytes of all sources of one tensor, read once.
  std::uint64_t input_bytes(std::uint32_t tensor) const;
  /// Of the stored tensor, of several the first: its shape need not be the source's.
  const TensorInfo& info(SourceTensor source) const { return models[source.model].tensors[source.tensor].info; }
  /// Bytes of that many elements of a source where they are stored, about.
  std::uint64_t read_bytes(SourceTensor source, std::uint64_t elements) const;
  /// What adapters do to a stored tensor; nothing as a rule.
  std::span<const AdapterPart> adapter_parts(std::uint32_t model, std::uint32_t tensor) const;
  /// True if the bytes of the source are those of a stored tensor from its beginning.
  bool is_stored(SourceTensor source) const {
    return source.gather == SourceTensor::as_stored && adapter_parts(source.model, source.tensor).empty() &&
           models[source.model].tensors[source.tensor].encoding == StoredTensor::as_it_is;
  }
};

/// Raw recipes: what becomes of a tensor that not all files have.
enum class RawTensors {
  all,     ///< an error (RAW001)
  common,  ///< it is left out
  any      ///< it is merged over the files that have it
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
  bool allow_same = false;           ///< the experts of a mixture may all be one model
  /// Tensors are matched by their names as they are, there are no layers and no modules; nothing: they are a model's.
  std::optional<RawTensors> raw = {};
  std::optional<DType> adapter_dtype = {};  ///< base plus adapters is rounded to this type first
  std::optional<std::string> explain = {};  ///< an output tensor whose parameters are to be explained
};

/// What becomes of texts: made by whoever reads tokenizers.
struct TextPlan {
  const OutputVocabulary* vocabulary = nullptr;  ///< rows of embeddings follow it
  const PromptTokens* prompts = nullptr;         ///< of experts; there if routers are made of embeddings
};

/// @param catalogues  of document.models(), in that order.
/// @param text  what follows from tokenizers, where the recipe asks for it.
/// @throws Error(recipe) with diagnostics at the recipe's lines for method, parameters, counts and ranges;
///         Error(corrupt_input) with one report of all names, dtypes and shapes that do not fit together.
MergePlan make_plan(const recipe::Recipe& recipe, const recipe::MergeDocument& document,
                    std::vector<Catalogue> catalogues, const PlanOptions& options, const TextPlan& text = {});

}  // namespace stockpot::plan
