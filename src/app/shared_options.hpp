// Options that several commands share, as groups for their lines and as plain structs to work with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/log.hpp"
#include "app/options.hpp"
#include "engine/job.hpp"
#include "io/checkpoint.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::app {

/// More worker threads than any machine has CPUs are a mistake.
inline constexpr std::uint64_t most_threads = 4096;

/// --model-root, --transformers-cache.
OptionGroup search_options();
/// @param recipe_path  relative model paths are looked up beside it first.
io::SearchPlaces search_places(const Values& values, const std::string& recipe_path);

/// Which transfers of weights go past the page cache.
struct DirectFiles {
  bool reads = false, writes = false;
};

/// What can be set for a merge. Nothing: the recipe decides, else the default.
struct MergeOptions {
  std::optional<std::uint64_t> threads;
  std::optional<std::uint64_t> memory_per_rank;
  std::optional<std::uint64_t> unit_bytes;
  std::optional<std::uint64_t> chunk_bytes;
  std::optional<std::uint64_t> shard_bytes;
  std::optional<std::uint64_t> seed;
  std::optional<recipe::Nonfinite> nonfinite;
  std::optional<std::string> output_format;
  bool strict = false;
  bool allow_crimes = false;
  bool allow_same = false;
  bool truncate_embeddings = false;
  bool write_model_card = true;
  bool copy_tokenizer = true;
  bool overwrite = false;
  bool sparse_files = false;
  bool take_over = true;
  DirectFiles direct;
  io::KernelCopies kernel_copies = io::KernelCopies::shared;
  engine::ReliabilityOptions reliability;
  std::optional<std::int64_t> deadline;  ///< seconds since 1970
  std::uint64_t abort_grace_seconds = 30;
  std::optional<DType> adapter_dtype;  ///< --lora-merge-dtype
  bool allow_singletons = false;
  std::uint64_t progress_seconds = 60;
  LogLevel log_level = LogLevel::warn;
  std::optional<std::string> trace;  ///< path
};

/// --direct, of commands that read or write weights.   @param value_name  what it takes: "none|reads".
Option direct_option(std::string value_name);
/// @param choices  what it takes, of none, reads, writes and all.
/// @throws Error(usage) for what is none of these, and together with --sparse-files.
DirectFiles direct_files(const Values& values, const std::vector<std::string>& choices);
/// --sparse-files, of commands that read or write weights.
inline Option sparse_files_option(std::string help) {
  return {.name = "sparse-files", .takes = Takes::toggle, .help = std::move(help)};
}

/// The options above, and those of mergekit that have no effect here.
OptionGroup merge_options();
/// @throws Error(usage) for values that are out of range.
MergeOptions read_merge_options(const Values& values);

/// Options that show something instead of merging: --print-config, --explain, --dry-run.
OptionGroup showing_options();

/// --intermediate-dir, --lazy, --only, --keep-intermediates: for recipes of several documents.
OptionGroup stage_options();
engine::StagePlaces stage_places(const Values& values, std::string out);

}  // namespace stockpot::app
