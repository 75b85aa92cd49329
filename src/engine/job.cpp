#include "engine/job.hpp"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <iterator>
#include <span>

#include "comm/agree.hpp"
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
        planner_(comm, recipe, search, settings.stages),
        there_(comm, recipe, settings) {}

  void run() {
    enter(Phase::plan);
    const auto order = comm::agree(comm_, [&] { return stages_to_make(recipe_, settings_.places); });
    std::vector<Stage> stages = plan_all(order);
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
          plan_again(stages[s]);
        }
        enter(Phase::open);
        if (settings_.options.trace != nullptr) settings_.options.trace->begin_stage(first);
        make(std::span(stages).subspan(first, end - first));
      }
    } catch (...) {
      if (comm_.failing_together() && final_) {
        holds_stages_ || final_->holds_work() ? final_->leave() : final_->discard();
      }
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

  /// Collective. Out of the recipe, and of models of other programs that stand in for stages of it, alone: what an output
  /// is known by does not depend on which stages lie there. Then with those, where there are any.
  std::vector<Stage> plan_all(const std::vector<std::size_t>& order) {
    std::vector<Stage> stages;
    std::vector<Found> there;
    for (const std::size_t document : order) {
      Stage& stage = stages.emplace_back(planner_.plan(document));
      stage.planned_as = stage.made_of;
      tell(stage);
      there.push_back(find_before(stage));
      if (there.back() == Found::made_elsewhere) finished(stage, directory_of(stage), there.back());
    }
    bool more = false;
    for (std::size_t s = 0; s < stages.size(); ++s) {
      if (more) plan_again(stages[s]);
      if (there[s] == Found::nothing) continue;
      finished(stages[s], directory_of(stages[s]), there[s]);
      more = true;
    }
    return stages;
  }

  /// Collective. Its models may have come into being since.
  void plan_again(Stage& stage) {
    std::string planned_as = std::move(stage.planned_as);
    stage = planner_.plan(stage.document);
    stage.planned_as = std::move(planned_as);
    tell(stage);
  }

  /// Collective.
  void tell(const Stage& stage) const {
    const recipe::MergeDocument& document = recipe_.documents[stage.document];
    const auto schedule =
        comm::agree(comm_, [&] { return plan::make_schedule(stage.plan, settings_.schedule(document)); });
    settings_.on_planned(stage, document, schedule);
  }

  /// Collective. Whether a stage lies in the place that was given for it.
  Found find_before(const Stage& stage) const {
    const bool has_place = !stage.name.empty() && settings_.places.intermediate;
    return has_place ? there_.find(stage, directory_of(stage)) : Found::nothing;
  }

  /// Collective. The same once work has begun. What another program put there since is in the way: no plan knows of it.
  Found find_now(const Stage& stage, const std::string& directory) const {
    if (stage.name.empty()) return Found::nothing;
    const Found found = there_.find(stage, directory);
    return found == Found::made_elsewhere && !there_.has(stage) ? Found::nothing : found;
  }

  std::string directory_of(const Stage& stage) const {
    if (stage.name.empty()) return settings_.places.out;
    if (settings_.places.intermediate) return there_.directory_of(stage);
    return (fs::path(stages_directory_) / stage.name).string();
  }

  /// The staging directory of the final output holds the stages before it, unless there is another place for them.
  /// @return false if the output is there already, made of the same.
  bool open_output(const std::vector<Stage>& stages) {
    const std::string answer = comm::on_root(comm_, [&] {
      inputs_ = inputs_of_all(stages);
      const auto last = std::ranges::find(stages, "", &Stage::name);
      if (last == stages.end()) there_.refuse_foreign(stages);
      if (last != stages.end() && !open_final(stages, *last)) return std::string("finished");
      return "at " + (final_ ? final_->stages_directory() : std::string());
    });
    stages_directory_ = answer.substr(std::min<std::size_t>(3, answer.size()));
    return answer != "finished";
  }

  /// Rank 0. Also of documents that are not to be made now: they are not to be robbed of what they read.
  std::vector<std::string> inputs_of_all(const std::vector<Stage>& stages) const {
    std::vector<std::string> places = places_of_inputs(stages);
    for (std::size_t d = 0; d < recipe_.documents.size(); ++d) {
      if (std::ranges::find(stages, d, &Stage::document) != stages.end()) continue;
      std::ranges::move(planner_.places_of(recipe_.documents[d]), std::back_inserter(places));
    }
    if (settings_.places.recipe) places.push_back(*settings_.places.recipe);
    return places;
  }

  /// Rank 0.
  bool open_final(const std::vector<Stage>& stages, const Stage& last) {
    const ReliabilityOptions& options = settings_.options.reliability;
    io::OutputPlace place = place_of(last, settings_.places.out, settings_.options);
    place.inputs = inputs_;
    for (const Stage& stage : stages) {
      if (&stage == &last) continue;
      const io::OutputPlace own = place_of(stage, directory_of(stage), settings_.options);
      if (!settings_.places.intermediate) {
        place.stages_bytes += own.needed_bytes;
        continue;
      }
      place.inputs.push_back(own.out);
      if (!there_.has(stage)) place.needed_bytes += missing_bytes(own, settings_.places.out);
    }
    place.overwrite = settings_.places.overwrite;
    place.in_place = options.in_place;
    place.claim.break_token = options.break_lock;
    const bool anew = options.resume == Resume::never;
    if (!anew && !place.overwrite && io::Staging::is_finished(place)) return false;
    there_.refuse_foreign(stages);
    final_ = io::Staging::open(place);
    if (!anew && final_->is_published()) {
      final_->discard();
      return false;
    }
    if (anew) final_->start_anew(true);
    return true;
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
        finished(*opened.stage, opened.directory, Found::made_of_this);
        settings_.on_finished({opened.stage, &opened.place.schedule, opened.directory, summary});
      });
    } catch (...) {
      for (const Opened& opened : opened_) {
        holds_stages_ = holds_stages_ || (opened.place.staging && !settings_.places.intermediate);
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
    } catch (...) {
      for (Opened& opened : opened_) {
        if (!comm_.failing_together() || !opened.place.staging) continue;
        const bool holds_work = opened.place.continuation.holds_work();
        holds_stages_ = holds_stages_ || (holds_work && !settings_.places.intermediate);
        holds_work ? opened.place.staging->leave() : opened.place.staging->discard();
      }
      opened_.clear();
      throw;
    }
  }

  /// Collective. Finds out what there is of a stage, and adds it to those that are to be made, or says that it is there.
  void open(Stage& stage) {
    const recipe::MergeDocument& document = recipe_.documents[stage.document];
    const bool is_final = stage.name.empty();
    const std::string directory = directory_of(stage);
    if (const Found found = find_now(stage, directory); found != Found::nothing) {
      finished(stage, directory, found);
      return settings_.on_finished({&stage, nullptr, directory, {}});
    }
    std::optional<io::Staging> staging = is_final ? std::exchange(final_, std::nullopt) : open_stage(stage, directory);
    // Whatever ends this before the stage is gone on with, what was done of it stays.
    const bool has_begun = !is_final && staging && io::stored_size(staging->plan_file());
    holds_stages_ = holds_stages_ || (has_begun && !settings_.places.intermediate);
    const JobOptions options = options_for(stage);
    // Among those that are opened from here on, so that its lock shows signs of life.
    Workplace& place = opened_.emplace_back(&stage, directory, Workplace{directory, std::move(staging), {}, {}}).place;
    take_up_work(comm_, stage, settings_.schedule(document), document, options, place);
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
    options.keep_staging = is_final && holds_stages_;
    options.reliability.in_place = options.reliability.in_place && is_final;
    return options;
  }

  /// A stage is complete in its place.
  void finished(const Stage& stage, const std::string& directory, Found how) {
    if (stage.name.empty()) return;
    there_.add(stage, how);
    planner_.finished(stage, directory, how == Found::made_of_this);
    holds_stages_ = holds_stages_ || !settings_.places.intermediate;
  }

  /// Collective. The staging directory of a stage before the last; rank 0's.
  std::optional<io::Staging> open_stage(const Stage& stage, const std::string& directory) const {
    std::optional<io::Staging> own;
    comm::agree(comm_, [&] {
      if (!comm_.is_root()) return;
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
    if (final_) final_->refresh();
    for (Opened& opened : opened_) {
      if (opened.place.staging) opened.place.staging->refresh();
    }
  }

  const comm::Communicator& comm_;
  const recipe::Recipe& recipe_;
  const JobSettings& settings_;
  StagePlanner planner_;
  StagesThere there_;
  std::optional<io::Staging> final_;  // rank 0 only
  std::vector<std::string> inputs_;   // rank 0 only: what no output may take the place of
  std::deque<Opened> opened_;         // of the sweep under way; they stay where they are
  bool holds_stages_ = false;         // the final output's staging directory has finished or begun stages in it
  std::chrono::steady_clock::time_point next_sign_of_life_;
  std::string stages_directory_;
};

}  // namespace

void run_job(const comm::Communicator& comm, const recipe::Recipe& recipe, const io::SearchPlaces& search,
             const JobSettings& settings) {
  Job(comm, recipe, search, settings).run();
}

}  // namespace stockpot::engine
