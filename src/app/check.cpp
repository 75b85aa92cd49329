// stockpot check RECIPE: everything that is wrong with a recipe and its models, in one go. Needs no allocation.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/commands.hpp"
#include "app/job_settings.hpp"
#include "app/options.hpp"
#include "app/shared_options.hpp"
#include "engine/recipe_check.hpp"

namespace stockpot::app {
namespace {

CommandLine line() {
  return {
      .name = "check",
      .purpose =
          "Says everything that is wrong with a recipe in one go: mistakes in it, models that are missing, tensors, "
          "vocabularies and tokenizers that do not fit together. Reads headers only, and exits as a merge would.",
      .arguments = {"RECIPE"},
      .groups = {
          {"checking", {{.name = "raw", .takes = Takes::toggle, .help = "the recipe is one for 'stockpot raw'"}}},
          merge_options(),
          search_options()}};
}

}  // namespace

int check_command(Arguments arguments) {
  const auto values = read_line(line(), arguments);
  if (!values) return 0;
  const MergeOptions options = read_merge_options(*values);
  start_log(options.log_level, 0);
  log_remarks(values->notices(), 0);
  const std::string path = *values->argument(0);
  engine::StageOptions planning =
      stage_planning(options, values->on("raw") ? recipe::Dialect::raw : recipe::Dialect::merge);
  if (values->on("raw")) planning.plan.raw = plan::RawTensors::all;
  const engine::CheckResult result = engine::check_recipe(path, search_places(*values, path), planning);
  refuse_warnings(options.strict || result.strict, result.remarks);
  log_remarks(result.remarks, 0, all_remarks);
  const auto warnings = std::ranges::count(result.remarks, Severity::warning, &Remark::severity);
  fmt::print("{}: nothing wrong, {} warning{}\n", printable(path), warnings, warnings == 1 ? "" : "s");
  return 0;
}

}  // namespace stockpot::app
