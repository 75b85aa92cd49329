// stockpot merge RECIPE OUT: the merge itself, on all ranks of the job.
#include <fmt/format.h>

#include <algorithm>

#include "app/commands.hpp"
#include "app/job_settings.hpp"
#include "app/launch.hpp"
#include "app/options.hpp"
#include "app/progress.hpp"
#include "app/ranks.hpp"
#include "app/shared_options.hpp"
#include "comm/agree.hpp"
#include "core/size.hpp"
#include "engine/merge_job.hpp"

namespace stockpot::app {
namespace {

CommandLine line() {
  return {.name = "merge",
          .purpose =
              "Merges the models of a recipe and publishes the result as OUT. Run it under mpirun or srun for "
              "more than one rank; the result is the same bytes on any number of them.",
          .arguments = {"RECIPE", "OUT"},
          .groups = {merge_options(), search_options()}};
}

void print_last_line(const std::string& out, const engine::JobSummary& summary, const plan::Schedule& schedule) {
  const auto moved = static_cast<double>(summary.bytes_read + summary.bytes_written);
  fmt::print(
      "published {}  manifest {:.16}  read {}  wrote {}  {:.2f} s  {:.2f} GB/s  ranks {}  threads {}  "
      "imbalance {:.3f}\n",
      printable(out), summary.manifest_sha256, human_bytes(summary.bytes_read), human_bytes(summary.bytes_written),
      summary.seconds, moved / summary.seconds / 1e9, schedule.options.ranks, schedule.options.threads,
      schedule.balance.imbalance);
}

void print_ranks(const engine::JobSummary& summary) {
  for (std::size_t r = 0; r < summary.ranks.size(); ++r) {
    const engine::RankReport& rank = summary.ranks[r];
    fmt::print(stderr, "rank {:>4}  read {:>10}  wrote {:>10}  busy {:>8.2f} s  pool {:>10}  peak memory {:>10}\n", r,
               human_bytes(rank.bytes_read), human_bytes(rank.bytes_written), rank.busy_seconds,
               human_bytes(rank.pool_high_water), human_bytes(rank.peak_resident));
  }
}

/// What all ranks decide alike before any output exists.
struct Prepared {
  engine::Inputs inputs;
  plan::MergePlan plan;
  plan::Schedule schedule;
};

Prepared prepare(const comm::Communicator& comm, const Values& values, const MergeOptions& options) {
  const std::string recipe = *values.argument(0);
  engine::Inputs inputs = engine::load_inputs(comm, recipe, search_places(values, recipe));
  const auto ranks = static_cast<std::uint32_t>(comm.size());
  const auto on_machine = static_cast<std::uint32_t>(comm.ranks_on_this_machine());
  plan::ScheduleOptions resources =
      comm::agree(comm, [&] { return schedule_options(options, inputs.document().extensions, ranks, on_machine); });
  resources.memory_per_rank = comm.min(resources.memory_per_rank);  // ranks must make the same schedule
  resources.threads = static_cast<std::uint32_t>(comm.min(resources.threads));
  return comm::agree(comm, [&] {
    plan::MergePlan plan = plan::make_plan(inputs.recipe, inputs.document(), inputs.models, plan_options(options));
    plan::Schedule schedule = plan::make_schedule(plan, resources);
    return Prepared{std::move(inputs), std::move(plan), std::move(schedule)};
  });
}

int merge(const comm::Communicator& comm, Arguments arguments) {
  const auto line_read = comm::agree(comm, [&] { return read_line(line(), arguments); });
  if (!line_read) return 0;
  const Values& values = *line_read;
  const MergeOptions options = comm::agree(comm, [&] {
    const MergeOptions read = read_merge_options(values);
    if (!read.allow_singletons) check_launch(comm.size(), process_variables());
    return read;
  });
  start_log(options.log_level, comm.rank());
  log_warnings(values.notices(), comm.rank());
  const Prepared job = prepare(comm, values, options);
  ProgressLines progress(comm.is_root() && options.log_level != LogLevel::error ? options.progress_seconds : 0,
                         comm.size());
  engine::JobOptions run;
  run.out = *values.argument(1);
  run.output_format = output_format(options, job.inputs.document().extensions);
  run.write_model_card = options.write_model_card;
  run.copy_tokenizer = options.copy_tokenizer;
  run.warnings = job.inputs.warnings;
  run.warnings.insert(run.warnings.end(), job.plan.warnings.begin(), job.plan.warnings.end());
  comm::agree(comm, [&] { refuse_warnings(options, job.inputs.document().extensions, run.warnings); });
  run.warnings.insert(run.warnings.end(), job.schedule.warnings.begin(), job.schedule.warnings.end());
  run.on_progress = [&](const engine::Progress& p) { progress.show(p); };
  log_warnings(run.warnings, comm.rank());
  const engine::JobSummary summary = engine::run_merge(comm, job.inputs, job.plan, job.schedule, run);
  progress.finish();
  log_warnings(summary.remarks, comm.rank());
  if (!comm.is_root()) return 0;
  if (options.log_level >= LogLevel::info) print_ranks(summary);
  print_last_line(run.out, summary, job.schedule);
  return 0;
}

}  // namespace

int merge_command(Arguments arguments) {
  if (asks_for_help(arguments)) {
    read_line(line(), arguments);
    return 0;
  }
  return run_on_ranks([&](const comm::Communicator& comm) { return merge(comm, arguments); });
}

}  // namespace stockpot::app
