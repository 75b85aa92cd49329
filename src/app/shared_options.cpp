#include "app/shared_options.hpp"

#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "app/reliability_options.hpp"
#include "core/error.hpp"
#include "engine/output_format.hpp"

namespace stockpot::app {
namespace {

const std::vector<std::string> log_levels{"error", "warn", "info", "debug", "trace"};

LogLevel log_level(const Values& values) {
  if (values.on("quiet")) return LogLevel::error;
  if (const auto times = values.times("verbose")) return times == 1 ? LogLevel::info : LogLevel::debug;
  return static_cast<LogLevel>(
      values.choice("log-level", log_levels).value_or(static_cast<std::size_t>(LogLevel::warn)));
}

std::optional<recipe::Nonfinite> nonfinite(const Values& values) {
  const auto choice = values.choice("nonfinite", {"error", "propagate"});
  if (!choice) return std::nullopt;
  return *choice == 0 ? recipe::Nonfinite::error : recipe::Nonfinite::propagate;
}

std::optional<DType> adapter_dtype(const Values& values) {
  const auto text = values.text("lora-merge-dtype");
  if (!text) return std::nullopt;
  if (const auto dtype = parse_recipe_dtype(*text)) return dtype;
  throw Error(ErrorKind::usage,
              fmt::format("--lora-merge-dtype: '{}' is not bfloat16, float16, float32 or float64", printable(*text)))
      .code("OPT001");
}

/// The kernel writes by way of the page cache.
io::KernelCopies kernel_copies(const Values& values, bool writes_cached) {
  constexpr std::array choices{io::KernelCopies::shared, io::KernelCopies::always, io::KernelCopies::never};
  const io::KernelCopies choice = choices[values.choice("kernel-copies", {"auto", "always", "never"}).value_or(0)];
  if (writes_cached) return choice;
  if (choice == io::KernelCopies::always) {
    throw Error(ErrorKind::usage, "--kernel-copies always excludes --direct writes and --sparse-files");
  }
  return io::KernelCopies::never;
}

}  // namespace

OptionGroup search_options() {
  return {"where models are looked for",
          {
              {.name = "model-root",
               .takes = Takes::values,
               .value_name = "DIR",
               .help = "a directory that relative model paths are tried in; may be given several times"},
              {.name = "transformers-cache",
               .value_name = "DIR",
               .help = "the hub cache; nothing is ever downloaded",
               .also = {"hf-cache"}},
          }};
}

io::SearchPlaces search_places(const Values& values, const std::string& recipe_path) {
  return {.recipe_directory = std::filesystem::path(recipe_path).parent_path().string(),
          .model_roots = values.texts("model-root"),
          .cache = values.text("transformers-cache").value_or("")};
}

Option direct_option(std::string value_name) {
  return {.name = "direct",
          .value_name = std::move(value_name),
          .help = "weights that go past the page cache (O_DIRECT), where the file system lets them; default none"};
}

DirectFiles direct_files(const Values& values, const std::vector<std::string>& choices) {
  const auto choice = values.choice("direct", choices);
  const std::string what = choice ? choices[*choice] : "none";
  if (what != "none" && values.on("sparse-files")) {
    throw Error(ErrorKind::usage, "--direct and --sparse-files exclude one another")
        .hint("files of holes are hardly read and written at all");
  }
  return {.reads = what == "reads" || what == "all", .writes = what == "writes" || what == "all"};
}

OptionGroup merge_options() {
  return {
      "merging",
      {
          {.name = "threads",
           .value_name = "N",
           .help = "worker threads of a rank; default: the CPUs that it may use",
           .also = {"j", "num-threads"},
           .variable = "STOCKPOT_THREADS"},
          {.name = "memory-per-rank",
           .value_name = "SIZE",
           .help = "memory pool of a rank; default: 0.8 of what the job may use on this machine, shared by its ranks",
           .also = {"memory"},
           .variable = "STOCKPOT_MEMORY"},
          {.name = "unit", .value_name = "SIZE", .help = "output bytes that are dealt to a rank at a time"},
          {.name = "chunk", .value_name = "SIZE", .help = "bytes of one read or write"},
          {.name = "out-shard-size",
           .value_name = "SIZE",
           .help = "bytes of an output file; k, m, b count in thousands, 0 means one file; default 5B"},
          sparse_files_option(
              "holes of input files are not read, and zeros are not written but left as holes: no space is reserved"),
          {.name = "take-over",
           .takes = Takes::toggle,
           .help = "ranks that are through with their work do what slower ones have not begun; default on",
           .on = true},
          direct_option("none|reads|writes|all"),
          {.name = "kernel-copies",
           .value_name = "auto|always|never",
           .help =
               "tensors that are copied unchanged are copied by the kernel (copy_file_range); auto, the default, where "
               "that shares their blocks"},
          {.name = "random-seed", .value_name = "N", .help = "seed of methods that draw random numbers; default 0"},
          {.name = "nonfinite", .value_name = "error|propagate", .help = "what NaN and infinity are; default error"},
          {.name = "strict", .takes = Takes::toggle, .help = "warnings are errors", .also = {"werror"}},
          {.name = "allow-crimes",
           .takes = Takes::toggle,
           .help = "merge models of different architectures, or that share few tensors"},
          {.name = "allow-same",
           .takes = Takes::toggle,
           .help = "the experts of a mixture may all be one model",
           .also = {"i-understand-this-is-not-useful-without-training"}},
          {.name = "unsafe-truncate-embeddings",
           .takes = Takes::toggle,
           .help = "cut embeddings of different size to what all models have, whatever the method"},
          {.name = "output-format", .value_name = "NAME", .help = "safetensors (the default), hdf5 or dcp"},
          {.name = "write-model-card",
           .takes = Takes::toggle,
           .help = "README.md and a copy of the recipe; default on",
           .on = true},
          {.name = "copy-tokenizer",
           .takes = Takes::toggle,
           .help = "the base model's tokenizer files; default on",
           .on = true},
          {.name = "overwrite",
           .takes = Takes::toggle,
           .help = "replace an output that is there; the old one goes when the new one is complete"},
          {.name = "lora-merge-dtype",
           .value_name = "NAME",
           .help = "round a model plus its adapters to this type before merging; default: not rounded"},
          {.name = "progress",
           .value_name = "TIME",
           .help = "between two progress lines; default 60 s, 0 for none",
           .variable = "STOCKPOT_PROGRESS"},
          {.name = "trace", .value_name = "FILE", .help = "a timeline of all threads as JSON, for Perfetto"},
          {.name = "quiet", .takes = Takes::toggle, .help = "errors only"},
          {.name = "verbose", .takes = Takes::repeat, .help = "-v informs, -vv shows details", .also = {"v"}},
          {.name = "log-level",
           .value_name = "NAME",
           .help = "error, warn (the default), info, debug or trace",
           .variable = "STOCKPOT_LOG_LEVEL"},
          {.name = "allow-singletons",
           .takes = Takes::toggle,
           .help = "start although a launcher speaks of more ranks than MPI knows"},
          {.name = "safe-serialization",
           .takes = Takes::toggle,
           .help = "always on: no pickle is ever written",
           .on = true},
          {.name = "lazy-unpickle", .takes = Takes::nothing_of_note, .help = "no effect: reading is always lazy"},
          {.name = "clone-tensors", .takes = Takes::nothing_of_note, .help = "no effect: tensors are written in full"},
          {.name = "trust-remote-code",
           .takes = Takes::nothing_of_note,
           .help = "no effect: no model code is ever run"},
          {.name = "async-write", .takes = Takes::nothing_of_note, .help = "no effect: reading and writing overlap"},
          {.name = "write-threads",
           .takes = Takes::value_of_no_note,
           .value_name = "N",
           .help = "no effect: see --threads"},
          {.name = "row-block",
           .takes = Takes::value_of_no_note,
           .value_name = "SIZE",
           .help = "no effect: see --chunk"},
          {.name = "lora-merge-cache", .takes = Takes::value_of_no_note, .value_name = "DIR", .help = "no effect"},
          {.name = "device", .takes = Takes::value_of_no_note, .value_name = "NAME", .help = "no effect: CPU only"},
          {.name = "cuda",
           .takes = Takes::nothing_of_note,
           .help = "no effect: CPU only",
           .also = {"gpu-rich", "read-to-gpu", "multi-gpu", "low-cpu-memory"}},
      }};
}

OptionGroup showing_options() {
  return {"showing, without merging",
          {{.name = "print-config", .takes = Takes::toggle, .help = "the recipe as it is understood, with defaults"},
           {.name = "explain",
            .value_name = "TENSOR",
            .help = "sources, depth and every parameter of one output tensor, with the places they come from"},
           {.name = "dry-run", .takes = Takes::toggle, .help = "what 'stockpot plan' shows, for these ranks"}}};
}

OptionGroup stage_options() {
  return {"recipes of several documents",
          {{.name = "intermediate-dir",
            .value_name = "DIR",
            .help = "keeps each named stage in DIR/NAME; default: beside the output while it grows, then removed",
            .also = {"I"}},
           {.name = "lazy",
            .takes = Takes::toggle,
            .help = "a stage that lies in DIR already, made of the same, is not made again; default on",
            .on = true},
           {.name = "only", .value_name = "NAME", .help = "make this stage and those that it needs"},
           {.name = "keep-intermediates",
            .takes = Takes::toggle,
            .help = "stages that others read stay in DIR afterwards; default on",
            .on = true}}};
}

engine::StagePlaces stage_places(const Values& values, std::string out) {
  engine::StagePlaces places;
  places.out = std::move(out);
  places.intermediate = values.text("intermediate-dir");
  places.reuse = values.on("lazy");
  places.keep = values.on("keep-intermediates");
  places.overwrite = values.on("overwrite");
  places.only = values.text("only");
  return places;
}

MergeOptions read_merge_options(const Values& values) {
  if (!values.on("safe-serialization")) {
    throw Error(ErrorKind::usage, "--no-safe-serialization: pickle files are not written").code("OPT011");
  }
  MergeOptions options;
  options.threads = values.number("threads", 1, most_threads);
  options.memory_per_rank = values.size("memory-per-rank");
  options.unit_bytes = values.size("unit");
  options.chunk_bytes = values.size("chunk");
  if (constexpr std::uint64_t most = std::uint64_t{1} << 30; options.chunk_bytes > most) {
    throw Error(ErrorKind::usage, "--chunk is more than 1 GiB").hint("1MiB is the default, 16MiB plenty");
  }
  options.shard_bytes = values.shard_size("out-shard-size");
  options.seed = values.number("random-seed");
  options.nonfinite = nonfinite(values);
  const std::vector<std::string> formats = engine::output_formats();
  if (const auto format = values.choice("output-format", formats)) options.output_format = formats[*format];
  options.strict = values.on("strict");
  options.allow_crimes = values.on("allow-crimes");
  options.allow_same = values.on("allow-same");
  options.truncate_embeddings = values.on("unsafe-truncate-embeddings");
  options.write_model_card = values.on("write-model-card");
  options.copy_tokenizer = values.on("copy-tokenizer");
  options.overwrite = values.on("overwrite");
  options.sparse_files = values.on("sparse-files");
  options.take_over = values.on("take-over");
  options.direct = direct_files(values, {"none", "reads", "writes", "all"});
  options.kernel_copies = kernel_copies(values, !options.sparse_files && !options.direct.writes);
  options.reliability = read_reliability(values);
  options.deadline = read_deadline(values);
  options.abort_grace_seconds = read_abort_grace(values);
  options.adapter_dtype = adapter_dtype(values);
  options.allow_singletons = values.on("allow-singletons");
  options.progress_seconds = values.seconds("progress").value_or(60);
  options.log_level = log_level(values);
  options.trace = values.text("trace");
  return options;
}

}  // namespace stockpot::app
