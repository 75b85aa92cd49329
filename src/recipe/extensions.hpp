// The `stockpot:` block of a recipe: what mergekit's language has no words for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "recipe/model_reference.hpp"
#include "recipe/node.hpp"
#include "recipe/parameters.hpp"

namespace stockpot::recipe {

/// What to do with NaN and infinities, in inputs and after the final cast.
enum class Nonfinite { error, propagate };
/// What to do where a model lacks a tensor that others have.
enum class Missing { by_method, error, drop };

/// What to do with a tensor that the method needs in the base and that only others have.
enum class ExtraTensors { error, drop, copy };
/// What to do with a model whose tensor has another shape than the base's.
enum class OnMismatch { error, skip };

/// What to do with quantised weights.
enum class Dequantize { automatic, refuse };

/// What becomes of the modules that a `modules:` document does not mention.
enum class UnlistedModules { drop, copy };
/// What becomes of tensors that `include` and `exclude` leave out.
enum class ExcludeAction { copy, drop };

/// Another method, or other parameters, for the tensors of a filter. The first entry that matches counts.
struct Override {
  std::string filter;
  std::string method;  ///< empty: the document's
  Position method_at;
  Parameters parameters;  ///< they rank above those of the models
  Position at;
};

/// A change of output names: an ECMAScript expression, and what its first match becomes ($1 ... as in it).
struct Rename {
  std::string from, to;
  Position at;
};

/// The `stockpot:` block; everything has its default.
struct Extensions {
  bool strict = false;
  std::optional<std::uint64_t> seed;
  bool round_inputs = false;
  Nonfinite nonfinite = Nonfinite::error;
  Dequantize dequantize = Dequantize::automatic;
  Missing missing = Missing::by_method;
  ExtraTensors extra_tensors = ExtraTensors::error;
  OnMismatch on_mismatch = OnMismatch::error;
  std::optional<std::vector<std::string>> embedding_names;  ///< endings of names, instead of the usual ones
  std::vector<std::string> vocab_tensors;                   ///< filters: further tensors of the embedding class
  UnlistedModules unlisted_modules = UnlistedModules::drop;
  bool keep_tied_heads = false;               ///< heads that equal their embedding are written all the same
  std::vector<std::string> include, exclude;  ///< filters
  Position include_at, exclude_at;
  ExcludeAction exclude_action = ExcludeAction::copy;
  std::vector<Override> overrides;
  std::vector<Rename> renames;
  bool post_layer_t = false;  ///< tensors after the layers take a gradient's last value instead of its first
  std::optional<std::string> output_format;  ///< "safetensors", "hdf5", "dcp"
  std::optional<std::uint64_t> shard_bytes;  ///< 0: one file
  std::vector<std::pair<std::string, std::string>> output_metadata;
  /// A weight file of router rows: `layer.0` and so on, of a row for each expert. Its path is literal.
  std::optional<ModelReference> gate_vectors;
  std::optional<std::uint64_t> memory_per_rank;  ///< bytes
};

/// Reads the block. Unknown keys are errors here (CFG006), known ones that this version cannot obey are too (CFG015),
/// those without effect a warning (CFG007); values: CFG005, CFG020, CFG021, CFG044, CFG052 and what parameters report.
Extensions read_extensions(const Node& node, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
