// stockpot plan RECIPE: what a merge would do on R ranks. Reads headers only, needs no MPI, touches no output.
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/job_settings.hpp"
#include "app/options.hpp"
#include "app/plan_report.hpp"
#include "app/shared_options.hpp"
#include "engine/recipe_file.hpp"
#include "engine/stage_planner.hpp"
#include "recipe/print.hpp"

namespace stockpot::app {
namespace {

constexpr std::uint64_t most_ranks = 1'000'000;

CommandLine line() {
  return {.name = "plan",
          .purpose =
              "Shows what a merge would do on R ranks: bytes, memory, balance, passes, collectives, output files "
              "and every warning. Reads headers only.",
          .arguments = {"RECIPE"},
          .groups = {
              {"planning",
               {{.name = "ranks", .value_name = "R", .help = "plan for so many ranks; default 1"},
                {.name = "nodes", .value_name = "N", .help = "on so many machines; default: as few as ranks need, 1"},
                {.name = "json", .takes = Takes::toggle, .help = "as JSON, one object per stage"},
                {.name = "tensors", .takes = Takes::toggle, .help = "list every output tensor, too"}}},
              showing_options(),
              merge_options(),
              search_options()}};
}

struct Machines {
  std::uint32_t ranks = 1, nodes = 1;
};

Machines read_machines(const Values& values) {
  Machines machines{static_cast<std::uint32_t>(values.number("ranks", 1, most_ranks).value_or(1)),
                    static_cast<std::uint32_t>(values.number("nodes", 1, most_ranks).value_or(1))};
  if (machines.nodes > machines.ranks) {
    throw Error(ErrorKind::usage, "--nodes is more than --ranks: a machine would have no rank");
  }
  return machines;
}

void show(const Values& values, const MergeOptions& options, const recipe::MergeDocument& document, Machines machines,
          const engine::Stage& stage) {
  if (values.given("explain")) {
    for (const std::string& text : stage.plan.explanation) fmt::print("{}\n", printable(text));
    return;
  }
  const plan::Schedule schedule = plan::make_schedule(
      stage.plan, schedule_options(options, document.extensions, machines.ranks,
                                   equal_share((machines.ranks + machines.nodes - 1) / machines.nodes)));
  refuse_warnings(options.strict || document.extensions.strict, stage.remarks);
  std::vector<Remark> remarks = stage.remarks;
  for (const std::string& warning : schedule.warnings) remarks.push_back(remark_of(warning));
  log_remarks(remarks, 0, all_remarks);
  if (values.on("json")) {
    fmt::print("{}\n", plan_as_json(stage, schedule, remarks, values.on("tensors")));
  } else {
    print_plan(stage, schedule, values.on("tensors"));
  }
}

}  // namespace

int plan_command(Arguments arguments) {
  const auto values = read_line(line(), arguments);
  if (!values) return 0;
  const MergeOptions options = read_merge_options(*values);
  const Machines machines = read_machines(*values);
  start_log(options.log_level, 0);
  log_remarks(values->notices(), 0);

  const std::string path = *values->argument(0);
  const auto alone = comm::Communicator::alone();
  const recipe::Recipe recipe = engine::load_recipe(alone, path);
  if (values->on("print-config")) {
    fmt::print("{}", recipe::print_recipe(recipe));
    return 0;
  }
  engine::StageOptions planning = stage_planning(options, recipe::Dialect::merge);
  recipe::Diagnostics diagnostics(recipe.path, recipe.text);
  const auto order = recipe::stage_order(recipe.documents, diagnostics);
  diagnostics.throw_if_errors();
  engine::StagePlanner planner(alone, recipe, search_places(*values, path), planning);
  for (const std::size_t document : order) {
    const bool last = document == order.back();
    if (last) planner.explain(values->text("explain"));
    const engine::Stage stage = planner.plan(document);
    if (last || !values->given("explain")) show(*values, options, recipe.documents[document], machines, stage);
  }
  return 0;
}

}  // namespace stockpot::app
