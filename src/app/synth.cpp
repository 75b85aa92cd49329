// stockpot synth OUTDIR: a family of synthetic checkpoints of a public shape.
#include <fmt/format.h>

#include <chrono>
#include <string>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "app/resources.hpp"
#include "app/shared_options.hpp"
#include "app/synthetic_family.hpp"
#include "core/error.hpp"
#include "io/publish.hpp"

namespace stockpot::app {
namespace {

CommandLine line() {
  return {.name = "synth",
          .purpose =
              "Makes OUTDIR/base and OUTDIR/tune-1, tune-2 ...: checkpoints in the shape of a public model, with "
              "weights that are drawn: deviation 0.02 in the base, about 0.001 in the changes. The bytes depend on "
              "the options alone, not on the threads.",
          .arguments = {"OUTDIR"},
          .groups = {
              {"the family",
               {{.name = "arch",
                 .value_name = "NAME",
                 .help = fmt::format("shape; default tiny-llama. Known: {}", fmt::join(architecture_names(), ", "))},
                {.name = "tunes", .value_name = "N", .help = "models tuned from the base; default 2"},
                {.name = "dtype", .value_name = "NAME", .help = "bfloat16 (the default), float16, float32 or float64"},
                {.name = "out-shard-size", .value_name = "SIZE", .help = "bytes of a file, 0 for one file; default 5B"},
                {.name = "seed", .value_name = "N", .help = "default 0"},
                {.name = "hollow",
                 .takes = Takes::toggle,
                 .help = "headers only: files have their length but no data, and take no space"},
                {.name = "threads",
                 .value_name = "N",
                 .help = "default: the CPUs that this process may use",
                 .also = {"j"},
                 .variable = "STOCKPOT_THREADS"}}}}};
}

DType dtype_of(const Values& values) {
  const std::string text = values.text("dtype").value_or("bfloat16");
  if (const auto dtype = parse_recipe_dtype(text)) return *dtype;
  throw Error(ErrorKind::usage,
              fmt::format("--dtype: '{}' is not bfloat16, float16, float32 or float64", printable(text)));
}

FamilyOptions read_options(const Values& values) {
  FamilyOptions options;
  options.architecture = values.text("arch").value_or("tiny-llama");
  options.tunes = values.number("tunes", 0, 1000).value_or(options.tunes);
  options.dtype = dtype_of(values);
  options.shard_bytes = values.shard_size("out-shard-size").value_or(options.shard_bytes);
  options.seed = values.number("seed").value_or(options.seed);
  options.hollow = values.on("hollow");
  const auto threads = values.number("threads", 1, most_threads);
  options.threads = threads ? *threads : default_threads(Machine::current(), equal_share(1)).value;
  return options;
}

}  // namespace

int synth_command(Arguments arguments) {
  const auto values = read_line(line(), arguments);
  if (!values) return 0;
  const FamilyOptions options = read_options(*values);
  const std::string out = *values->argument(0);
  const std::uint64_t bytes = data_bytes(options);

  const auto start = std::chrono::steady_clock::now();
  auto staging = io::Staging::open({.out = out, .inputs = {}, .needed_bytes = options.hollow ? 0 : bytes});
  staging.start_anew();
  write_family(staging.data_directory(), options);
  staging.publish();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;

  fmt::print("{}: {} models of shape {}, {:.3f} GB{}, {:.1f} s, {:.0f} MB/s\n", out, options.tunes + 1,
             options.architecture, static_cast<double>(bytes) / 1e9, options.hollow ? " if they had data" : "",
             elapsed.count(), options.hollow ? 0.0 : static_cast<double>(bytes) / 1e6 / elapsed.count());
  return 0;
}

}  // namespace stockpot::app
