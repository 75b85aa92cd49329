#include "engine/merge_job.hpp"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>

#include "comm/agree.hpp"
#include "engine/joint_sweep.hpp"
#include "engine/lookout.hpp"
#include "engine/rank_reports.hpp"
#include "engine/stage_merge.hpp"

namespace stockpot::engine {
namespace {

using Clock = std::chrono::steady_clock;

/// Merges in as few sweeps as memory has room for.
class Merges {
 public:
  Merges(const comm::Communicator& comm, const recipe::Recipe& recipe, std::span<const MergeOrder> orders)
      : comm_(comm),
        orders_(orders),
        options_(orders.front().options),
        lookout_(comm, options_, [this] { return time_in_flight(); }),
        sweep_{.comm = comm,
               .recipe = recipe,
               .clock = options_.clock != nullptr ? *options_.clock : own_clock_,
               .lookout = lookout_,
               .idle = [this] { return idle(); },
               .crew = {},
               .times = {},
               .times_of_workers = {},
               .storage = {}} {
    for (const MergeOrder& order : orders) jobs_.emplace_back(order, sweep_);
  }

  /// Collective.
  void run(const OnMerged& on_done) {
    try {
      for (; begin_ < orders_.size(); begin_ = end_) {
        start_ = Clock::now();
        sweep_.times = {};
        sweep_.storage = {};
        make_crew();
        for (std::size_t j = begin_; j < end_; ++j) jobs_[j].begin();
        merge();
        for (std::size_t j = begin_; j < end_; ++j) on_done(orders_[j], finish(j));
        for (std::size_t j = begin_; j < end_; ++j) jobs_[j].let_go();
        ::malloc_trim(0);  // what sources kept is the next sweep's memory
      }
    } catch (...) {
      if (comm_.failing_together()) end_failed(Error::current());
      throw;
    }
  }

 private:
  /// Chooses who is merged in the next sweep: as many as memory has room for, at least one.
  CrewNeeds choose() {
    const auto needs_of = [&](std::size_t o) { return CrewNeeds(orders_[o].stage->plan, orders_[o].place->schedule); };
    const plan::ScheduleOptions& options = orders_.front().place->schedule.options;
    CrewNeeds needs = needs_of(begin_);
    for (end_ = begin_ + 1; end_ < orders_.size(); ++end_) {
      const CrewNeeds more = needs_of(end_);
      CrewNeeds all = needs;
      all.join(more);
      if (all.total(options.threads) > options.memory_per_rank) break;
      if (needs.turns_matrices && more.turns_matrices) break;
      if (all.small_tensor_bytes > options.memory_per_rank / 2) break;
      needs = all;
    }
    return needs;
  }

  void make_crew() {
    sweep_.clock.enter(Phase::prepare);
    comm::agree(comm_, [&] {  // takes all of the pool's memory
      const CrewNeeds needs = choose();
      sweep_.crew.emplace(needs, orders_.front().place->schedule.options, options_.open, sweep_.idle, end_ - begin_);
      if (options_.trace != nullptr) sweep_.crew->workers.show_on(*options_.trace);
    });
  }

  void merge() {
    std::vector<MergeEngine*> engines;
    for (std::size_t j = begin_; j < end_; ++j) engines.push_back(&jobs_[j].engine());
    sweep_.clock.enter(Phase::merging);
    sweep_.crew->workers.take_times();  // they were idle so far
    run_together(comm_, std::move(engines));
    sweep_.times_of_workers = sweep_.crew->workers.take_times();
    sweep_.crew->files.close();  // on every rank, before rank 0 removes stages that were read
  }

  JobSummary finish(std::size_t j) {
    std::vector<std::string> others;
    for (std::size_t o = begin_; o < end_; ++o) {
      if (o != j) others.push_back(orders_[o].stage->name);
    }
    JobSummary summary = jobs_[j].finish(std::move(others));
    jobs_[j].publish();
    const PhaseTimes since = sweep_.clock.take();
    add_times(comm_, since, summary.ranks);
    sweep_.times += since;
    for (const RankReport& rank : summary.ranks) {
      summary.bytes_read += rank.bytes_read;
      summary.bytes_written += rank.bytes_written;
    }
    summary.collectives = comm_.collectives();
    summary.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    return summary;
  }

  /// Collective. The first failure counts, whatever happens while what is left of it is tidied up.
  void end_failed(const Error& failure) {
    save_all(failure);
    for (StageMerge& job : jobs_) job.end_failed(failure.kind(), jobs_.size() > 1);
  }

  /// Collective. What is written becomes durable: within the grace if something failed. Who was asked to stop takes its time.
  void save_all(const Error& failure) {
    if (failure.kind() != ErrorKind::stopped) comm_.failed_here(&failure);
    for (StageMerge& job : jobs_) job.save();
    comm_.barrier();
    comm_.failed_here(nullptr);
  }

  bool idle() {
    const bool goes_on = lookout_.look_around();
    Progress all{.begin = begin_time_};
    for (StageMerge& job : jobs_) {
      job.check();
      const Progress one = job.progress();
      all.bytes_done += one.bytes_done;
      all.bytes_planned += one.bytes_planned;
      all.units_done += one.units_done;
    }
    if (options_.on_progress) options_.on_progress(all);
    return goes_on;
  }

  /// One merge after the other.
  Lookout::Seconds time_in_flight() const {
    Lookout::Seconds unit{}, commits{};
    for (const StageMerge& job : jobs_) {
      unit = std::max(unit, job.slowest_unit());
      commits += job.slowest_commit();
    }
    return unit + commits;
  }

  const comm::Communicator& comm_;
  std::span<const MergeOrder> orders_;
  const JobOptions& options_;
  std::size_t begin_ = 0, end_ = 0;  // of the orders in the sweep under way
  const Clock::time_point begin_time_ = Clock::now();
  Clock::time_point start_;  // of the sweep under way
  RunClock own_clock_{Phase::prepare};
  Lookout lookout_;
  Sweep sweep_;
  std::deque<StageMerge> jobs_;  // they stay where they are
};

}  // namespace

void run_merges(const comm::Communicator& comm, const recipe::Recipe& recipe, std::span<const MergeOrder> orders,
                const OnMerged& on_done) {
  if (!orders.empty()) Merges(comm, recipe, orders).run(on_done);
}

JobSummary run_merge(const comm::Communicator& comm, const recipe::Recipe& recipe, const Stage& stage, Workplace& place,
                     const JobOptions& options) {
  const MergeOrder order{&stage, &place, options};
  JobSummary made;
  run_merges(comm, recipe, {&order, 1}, [&](const MergeOrder&, const JobSummary& summary) { made = summary; });
  return made;
}

}  // namespace stockpot::engine
