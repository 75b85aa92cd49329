// stockpot merge RECIPE OUT and its kin: the merge itself, on all ranks of the job.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "app/commands.hpp"
#include "app/common_settings.hpp"
#include "app/job_settings.hpp"
#include "app/launch.hpp"
#include "app/merge_kinds.hpp"
#include "app/options.hpp"
#include "app/phase_table.hpp"
#include "app/plan_report.hpp"
#include "app/progress.hpp"
#include "app/ranks.hpp"
#include "app/shared_options.hpp"
#include "app/signals.hpp"
#include "app/tracing.hpp"
#include "comm/agree.hpp"
#include "core/size.hpp"
#include "engine/job.hpp"
#include "engine/recipe_file.hpp"
#include "recipe/print.hpp"

namespace stockpot::app {
namespace {

void demand_experts(const recipe::Recipe& recipe) {
  recipe::Diagnostics diagnostics(recipe.path, recipe.text);
  for (const recipe::MergeDocument& document : recipe.documents) {
    if (!document.moe) diagnostics.error("CFG010", document.at, "not a mixture of experts: there is no key 'experts'");
  }
  diagnostics.throw_if_errors();
}

void print_last_line(const engine::StageReport& report) {
  const engine::JobSummary& summary = report.summary;
  const plan::Schedule& schedule = *report.schedule;
  const auto moved = static_cast<double>(summary.bytes_read + summary.bytes_written);
  print_result(
      fmt::format("published {}  manifest {:.16}  read {}  wrote {}  {:.2f} s  {:.2f} GB/s  ranks {}  threads {}  "
                  "imbalance {:.3f}\n",
                  printable(report.directory), summary.manifest_sha256, human_bytes(summary.bytes_read),
                  human_bytes(summary.bytes_written), summary.seconds, moved / summary.seconds / 1e9,
                  schedule.options.ranks, schedule.options.threads, schedule.balance.imbalance));
}

void say_what_is_there(const comm::Communicator& comm, const engine::StageReport& report) {
  if (!comm.is_root()) return;
  if (report.stage->name.empty()) {
    print_result(fmt::format("published {} already, made of the same: nothing to do\n", printable(report.directory)));
  } else {
    log_warnings({fmt::format("stage '{}' is there already: {}", report.stage->name, report.directory)}, 0);
  }
}

/// What the line asks for, read alike on every rank.
struct Line {
  Values values;
  MergeOptions options;
  engine::StagePlaces places;
  std::optional<plan::RawTensors> raw;
};

Line read(const MergeKind& kind, Values values, int ranks) {
  Line line{std::move(values), {}, {}, {}};
  line.options = read_merge_options(line.values);
  if (!line.options.allow_singletons) check_launch(ranks, process_variables());
  auto out = line.values.argument(1);
  if (kind.line.name == "multi" && !out) out = line.values.text("out-path");
  line.places = stage_places(line.values, out.value_or(""));
  if (kind.recipe_text == nullptr) line.places.recipe = line.values.argument(0);
  if (kind.dialect == recipe::Dialect::raw) {
    const bool common = line.values.on("tensor-intersection"), any = line.values.on("tensor-union");
    if (common && any) throw Error(ErrorKind::usage, "--tensor-intersection and --tensor-union exclude one another");
    line.raw = common ? plan::RawTensors::common : any ? plan::RawTensors::any : plan::RawTensors::all;
  }
  return line;
}

/// Answers of a merge that does not merge.
class Show {
 public:
  Show(const comm::Communicator& comm, const Line& line) : comm_(comm), line_(line) {}
  bool wanted() const {
    const Values& values = line_.values;
    return values.on("print-config") || values.given("explain") || values.on("dry-run");
  }

  void run(const recipe::Recipe& recipe, const io::SearchPlaces& search, const engine::JobSettings& settings) const {
    if (line_.values.on("print-config")) {
      if (comm_.is_root()) fmt::print("{}", recipe::print_recipe(recipe));
      return;
    }
    const auto order = comm::agree(comm_, [&] { return engine::stages_to_make(recipe, line_.places); });
    engine::StagePlanner planner(comm_, recipe, search, settings.stages);
    for (const std::size_t document : order) {
      if (document == order.back()) planner.explain(line_.values.text("explain"));
      const engine::Stage stage = planner.plan(document);
      const plan::Schedule schedule = comm::agree(
          comm_, [&] { return plan::make_schedule(stage.plan, settings.schedule(recipe.documents[document])); });
      log_remarks(stage.remarks, comm_.rank());
      if (comm_.is_root() && !line_.values.given("explain")) print_plan(stage, schedule, false);
      if (!comm_.is_root()) continue;
      for (const std::string& text : stage.plan.explanation) fmt::print("{}\n", printable(text));
    }
  }

 private:
  const comm::Communicator& comm_;
  const Line& line_;
};

/// One line of each rank, in one write.
void say_how_far(const comm::Communicator& comm, const engine::Progress& progress) {
  const auto planned = static_cast<double>(std::max<std::uint64_t>(1, progress.bytes_planned));
  const std::string line = fmt::format("rank {} of {}: {:.1f} % of {}, {} units on storage\n", comm.rank(), comm.size(),
                                       std::min(100.0, 100 * static_cast<double>(progress.bytes_done) / planned),
                                       human_bytes(progress.bytes_planned), progress.units_done);
  print_aside(line);
}

recipe::Recipe read_recipe(const comm::Communicator& comm, const MergeKind& kind, const Line& line) {
  recipe::Recipe recipe =
      kind.recipe_text != nullptr
          ? comm::agree(comm, [&] { return engine::checked_recipe(kind.line.name, kind.recipe_text(line.values)); })
          : engine::load_recipe(comm, *line.values.argument(0), kind.dialect);
  comm::agree(comm, [&] {
    if (kind.experts_only) demand_experts(recipe);
  });
  return recipe;
}

/// One merge, with what it tells while it runs.
class Run {
 public:
  /// Collective. @param clock  of the program.
  Run(const comm::Communicator& comm, const MergeKind& kind, const Line& line, const recipe::Recipe& recipe,
      engine::RunClock& clock)
      : comm_(comm),
        clock_(clock),
        kind_(kind),
        line_(line),
        options_(line.options),
        recipe_(recipe),
        progress_(comm.is_root() && options_.log_level != LogLevel::error ? options_.progress_seconds : 0,
                  comm.size()) {
    const MachineShare share = share_of_this_rank(comm);
    for (const auto& document : recipe.documents) {
      resources_.emplace(&document, common_resources(comm, options_, document.extensions, share));
    }
    log_warnings(first_crowd(comm, share, most_threads_of_a_rank()), comm.rank());
  }

  /// Collective.
  void merge(const io::SearchPlaces& search) {
    engine::JobSettings settings = this->settings();
    if (const Show show(comm_, line_); show.wanted()) return show.run(recipe_, search, settings);
    if (options_.trace) tracing_.emplace(comm_, *options_.trace, line_.places.out, most_threads_of_a_rank(), clock_);
    if (tracing_) tracing_->join(settings);
    say_if_output_is_unused();
    listen_to_signals();
    comm_.be_patient({.abort_grace = std::chrono::seconds(options_.abort_grace_seconds),
                      .stall_timeout = options_.reliability.stall_timeout,
                      // Called after the end of this, too, while the ranks agree on why it failed.
                      .while_waiting = [stop = stop_, &comm = comm_] {
                        stop->raise(requested_stop());
                        if (stop->level() != engine::Stop::none) comm.raise_stop(static_cast<int>(stop->level()));
                      }});
    engine::run_job(comm_, recipe_, search, settings);
  }

 private:
  /// `merge` asks for an output, whatever the recipe makes.
  void say_if_output_is_unused() const {
    const std::string& out = line_.places.out;
    const auto order = comm::agree(comm_, [&] { return engine::stages_to_make(recipe_, line_.places); });
    if (out.empty() || std::ranges::any_of(order, [&](auto d) { return recipe_.documents[d].name.empty(); })) return;
    const std::string text = fmt::format("STG008: nothing but named stages is made: {} is not written", out);
    log_remarks({remark_of(text, Severity::info)}, comm_.rank());
  }

  std::size_t most_threads_of_a_rank() const {
    std::size_t threads = 1;
    for (const auto& [document, resources] : resources_) threads = std::max<std::size_t>(threads, resources.threads);
    return threads;
  }

  engine::JobSettings settings() {
    engine::JobSettings settings;
    settings.stages = stage_planning(options_, kind_.dialect);
    settings.stages.plan.raw = line_.raw;
    settings.places = line_.places;
    settings.options.write_model_card = options_.write_model_card;
    settings.options.take_over = options_.take_over;
    choose_ways_of_files(settings.options);
    settings.options.on_progress = [this](const engine::Progress& p) {
      progress_.show(p);
      if (take_report_request()) say_how_far(comm_, p);
    };
    settings.schedule = [this](const recipe::MergeDocument& document) { return resources_.at(&document); };
    settings.options.clock = &clock_;
    settings.options.reliability = options_.reliability;
    settings.options.reliability.deadline = common_deadline(comm_, options_);
    settings.options.stop = stop_.get();
    settings.options.on_idle = [this] { stop_->raise(requested_stop()); };
    settings.on_remark = [](const std::string& remark) { log_warnings({remark}, 0); };
    settings.on_planned = [this](const auto& stage, const auto& document, const auto& schedule) {
      planned(stage, document, schedule);
    };
    settings.on_finished = [this](const engine::StageReport& report) { finished(report); };
    return settings;
  }

  void choose_ways_of_files(engine::JobOptions& options) const {
    options.kernel_copies = options_.kernel_copies;
    if (options_.sparse_files) {
      options.open = engine::sparse_source();
      options.writing = io::Writing::sparse;
    }
    if (options_.direct.reads) options.open = engine::direct_source();
    if (options_.direct.writes) options.writing = io::Writing::direct;
  }

  void planned(const engine::Stage& stage, const recipe::MergeDocument& document, const plan::Schedule& schedule) {
    comm::agree(comm_, [&] { refuse_warnings(options_.strict || document.extensions.strict, stage.remarks); });
    log_remarks(stage.remarks, comm_.rank());
    log_warnings(schedule.warnings, comm_.rank());
  }

  void finished(const engine::StageReport& report) {
    progress_.finish();
    if (report.schedule == nullptr) return say_what_is_there(comm_, report);
    log_warnings(report.summary.remarks, comm_.rank());
    if (!comm_.is_root()) return;
    if (options_.log_level >= LogLevel::info) {
      print_aside(rank_lines(report.summary.ranks) +
                  phase_table(report.summary.ranks, report.schedule->options.threads));
    }
    print_last_line(report);
  }

  const comm::Communicator& comm_;
  engine::RunClock& clock_;
  const MergeKind& kind_;
  const Line& line_;
  const MergeOptions& options_;
  const recipe::Recipe& recipe_;
  ProgressLines progress_;
  std::optional<Tracing> tracing_;
  std::shared_ptr<engine::StopFlag> stop_ = std::make_shared<engine::StopFlag>();
  std::map<const recipe::MergeDocument*, plan::ScheduleOptions> resources_;
};

int merge(const comm::Communicator& comm, const MergeKind& kind, Arguments arguments, engine::RunClock& clock) {
  const engine::WaitsOnClock waits(comm, clock);
  auto values = comm::agree(comm, [&] { return read_line(kind.line, arguments); });
  if (!values) return 0;
  const Line line = comm::agree(comm, [&] { return read(kind, *std::move(values), comm.size()); });
  start_log(line.options.log_level, comm.rank());
  log_remarks(line.values.notices(), comm.rank());
  const recipe::Recipe recipe = read_recipe(comm, kind, line);
  Run(comm, kind, line, recipe, clock).merge(search_places(line.values, *line.values.argument(0)));
  return 0;
}

int run(const MergeKind& kind, Arguments arguments) {
  if (asks_for_help(arguments)) {
    read_line(kind.line, arguments);
    return 0;
  }
  engine::RunClock clock(engine::Phase::start);
  return run_on_ranks([&](const comm::Communicator& comm) { return merge(comm, kind, arguments, clock); });
}

}  // namespace

int convert_command(Arguments arguments) { return run(convert_kind(), arguments); }
int merge_command(Arguments arguments) { return run(merge_kind(), arguments); }
int moe_command(Arguments arguments) { return run(moe_kind(), arguments); }
int multi_command(Arguments arguments) { return run(multi_kind(), arguments); }
int raw_command(Arguments arguments) { return run(raw_kind(), arguments); }

}  // namespace stockpot::app
