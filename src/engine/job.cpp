#include "engine/job.hpp"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <span>

#include "comm/agree.hpp"
#include "engine/final_output.hpp"
#include "engine/job_planner.hpp"
#include "engine/stage_place.hpp"
#include "engine/stages_there.hpp"
#include "io/file_system.hpp"
#include "io/tree.hpp"

namespace stockpot::engine {
namespace {

namespace fs = std::filesystem;

/// Runs the stages of one recipe. Rank 0 alone looks at places.
class Job {
 public:
  Job(const comm::Communicator& comm, const recipe::Recipe& recipe, const io::SearchPlaces& search,
      const JobSettings& settings)
      : comm_(comm),
        recipe_(recipe),
        settings_(settings),
        there_(comm, recipe, settings),
        planner_(comm, recipe, search, settings, there_),
        final_(settings, there_) {}

  void run() {
    enter(Phase::plan);
    std::vector<Stage> stages = planner_.plan_all();
    ::malloc_trim(0);  // tables of many tensors came and went: their memory is the pool's now
    end_if_stopped();
    enter(Phase::open);
    if (!open_output(stages)) {
      there_.remove_intermediates(stages);
      settings_.on_finished({&*std::ranges::find(stages, "", &Stage::name), nullptr, settings_.places.out, {}});
      return;
    }
    try {
      for (std::size_t first = 0, end = 0; first < stages.size(); first = end) {
        end = first + stages_together(recipe_, std::span(stages).subspan(first), settings_);
        for (std::size_t s = std::max<std::size_t>(first, 1); s < end; ++s) {
          enter(Phase::plan);
          planner_.plan_again(stages[s]);
        }
        enter(Phase::open);
        if (settings_.options.trace != nullptr) settings_.options.trace->begin_stage(first);
        make(std::span(stages).subspan(first, end - first));
      }
    } catch (...) {
      if (comm_.failing_together()) final_.end_failed();
      throw;
    }
    there_.remove_intermediates(stages);
    if (settings_.options.trace == nullptr) return;
    const std::string text = trace_text(comm_, *settings_.options.trace, stages);
    if (comm_.is_root()) settings_.on_traced(text);
  }

 private:
  void enter(Phase phase) const {
    if (settings_.options.clock != nullptr) settings_.options.clock->enter(phase);
  }

  /// Collective. Planning takes its time, too.
  void end_if_stopped() const {
    if (settings_.options.on_idle) settings_.options.on_idle();
    comm::agree(comm_, [&] {
      const StopFlag* stop = settings_.options.stop;
      if (stop != nullptr && stop->level() != Stop::none)
        throw Error(ErrorKind::stopped, "stopped before the work began");
    });
  }

  /// Collective. @return false if the output is there already, made of the same.
  bool open_output(const std::vector<Stage>& stages) {
    const std::string answer = comm::on_root(comm_, [&] {
      inputs_ = planner_.inputs_of_all(stages);
      if (!final_.open(stages, inputs_)) return std::string();
      for (const Stage& stage : stages) warn_of_replacement(stage);
      return "at " + final_.stages_directory();
    });
    if (answer.empty()) return false;
    there_.collect_in(answer.substr(3));
    return true;
  }

  /// Rank 0. Two recipes may share a folder by mistake, or one was edited: nobody but the user can tell.
  void warn_of_replacement(const Stage& stage) const {
    if (const auto warning = there_.warning_of_replacement(stage)) settings_.on_remark(*warning);
  }

  /// A stage that is to be made, with its place.
  struct Opened {
    Stage* stage;
    std::string directory;
    Workplace place;
  };

  /// Collective. Stages of one sweep.
  void make(std::span<Stage> stages) {
    open(stages);
    std::vector<MergeOrder> orders;
    for (Opened& opened : opened_) orders.push_back({opened.stage, &opened.place, options_for(*opened.stage)});
    std::size_t done = 0;
    try {
      run_merges(comm_, recipe_, orders, [&](const MergeOrder&, const JobSummary& summary) {
        const Opened& opened = opened_[done++];
        finished(*opened.stage, Found::made_of_this);
        settings_.on_finished({opened.stage, &opened.place.schedule, opened.directory, summary});
      });
    } catch (...) {
      for (const Opened& opened : opened_) {
        if (opened.place.staging) final_.add_stages();
      }
      opened_.clear();
      throw;
    }
    opened_.clear();
  }

  /// Collective.
  void open(std::span<Stage> stages) {
    try {
      for (Stage& stage : stages) open(stage);
      if (opened_.empty()) return;
      std::vector<PlacedStage> placed;
      for (Opened& opened : opened_) placed.push_back({opened.stage, &opened.place});
      schedule_work(comm_, placed, settings_.schedule(recipe_.documents[stages.front().document]));
    } catch (...) {
      for (Opened& opened : opened_) {
        const bool holds_stages = opened.stage->name.empty() && final_.holds_stages();
        if (comm_.failing_together() && leave_unbegun(opened.place, holds_stages)) final_.add_stages();
      }
      opened_.clear();
      throw;
    }
  }

  /// Collective. Finds out what there is of a stage, and adds it to those that are to be made, or says that it is there.
  void open(Stage& stage) {
    const recipe::MergeDocument& document = recipe_.documents[stage.document];
    const bool is_final = stage.name.empty();
    const std::string directory = there_.directory_of(stage);
    if (const Found found = there_.find_now(stage); found != Found::nothing) {
      finished(stage, found);
      return settings_.on_finished({&stage, nullptr, directory, {}});
    }
    std::optional<io::Staging> staging = is_final ? final_.take() : open_stage(stage, directory);
    // Whatever ends this before the stage is gone on with, what was done of it stays.
    if (!is_final && staging && io::stored_size(staging->plan_file())) final_.add_stages();
    const JobOptions options = options_for(stage);
    // Among those that are opened from here on, so that its lock shows signs of life.
    Workplace& place = opened_.emplace_back(&stage, directory, Workplace{directory, std::move(staging), {}, {}}).place;
    take_up_work(comm_, stage, settings_.schedule(document).threads, document, options, place);
    for (const std::string& remark : place.continuation.remarks) settings_.on_remark(remark);
  }

  JobOptions options_for(const Stage& stage) {
    const bool is_final = stage.name.empty();
    JobOptions options = settings_.options;
    options.output_format = stage.output_format;
    options.remarks.insert(options.remarks.end(), stage.remarks.begin(), stage.remarks.end());
    options.on_idle = [this, &own_idle = settings_.options.on_idle] {
      if (own_idle) own_idle();
      show_life();
    };
    options.keep_staging = is_final && final_.holds_stages();
    options.reliability.in_place = options.reliability.in_place && is_final;
    return options;
  }

  /// Collective.
  void finished(const Stage& stage, Found how) {
    planner_.finished(stage, how);
    if (!stage.name.empty()) final_.add_stages();
  }

  /// Collective. The staging directory of a stage before the last; rank 0's.
  std::optional<io::Staging> open_stage(const Stage& stage, const std::string& directory) const {
    std::optional<io::Staging> own;
    comm::agree(comm_, [&] {
      if (!comm_.is_root()) return;
      warn_of_replacement(stage);  // also of one that came there since the job began
      io::with_file_system_errors([&] { fs::create_directories(fs::path(directory).parent_path()); });
      io::OutputPlace place = place_of(stage, directory, settings_.options);
      place.inputs.insert(place.inputs.end(), inputs_.begin(), inputs_.end());
      place.overwrite =
          settings_.places.overwrite || !settings_.places.intermediate || io::holds_stage(directory, stage.name);
      place.claim = there_.claim();
      own = io::Staging::open(place);
    });
    return own;
  }

  /// Rank 0. Those who look at the locks see that somebody is alive.
  void show_life() {
    constexpr auto pause = std::chrono::seconds(30);
    const auto now = std::chrono::steady_clock::now();
    if (now < next_sign_of_life_) return;
    next_sign_of_life_ = now + pause;
    final_.refresh();
    for (Opened& opened : opened_) {
      if (opened.place.staging) opened.place.staging->refresh();
    }
  }

  const comm::Communicator& comm_;
  const recipe::Recipe& recipe_;
  const JobSettings& settings_;
  StagesThere there_;
  JobPlanner planner_;
  FinalOutput final_;
  std::vector<std::string> inputs_;  // rank 0 only: what no output may take the place of
  std::deque<Opened> opened_;        // of the sweep under way; they stay where they are
  std::chrono::steady_clock::time_point next_sign_of_life_;
};

}  // namespace

void run_job(const comm::Communicator& comm, const recipe::Recipe& recipe, const io::SearchPlaces& search,
             const JobSettings& settings) {
  Job(comm, recipe, search, settings).run();
}

}  // namespace stockpot::engine
