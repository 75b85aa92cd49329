#include "engine/merge_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>

#include "comm/agree.hpp"
#include "engine/copied_tensors.hpp"
#include "engine/journal_keeper.hpp"
#include "engine/merge_engine.hpp"
#include "engine/output_format.hpp"
#include "engine/provenance.hpp"
#include "engine/rank_reports.hpp"
#include "engine/stage_planner.hpp"
#include "engine/verify.hpp"
#include "io/folder.hpp"
#include "io/manifest.hpp"
#include "io/model_card.hpp"
#include "io/pending_calls.hpp"
#include "io/small_file.hpp"
#include "io/tree.hpp"

namespace stockpot::engine {
namespace {

using Clock = std::chrono::steady_clock;

/// The part between the staging directory's creation and its publication.
class Job {
 public:
  Job(const comm::Communicator& comm, const recipe::Recipe& recipe, const Stage& stage, const Workplace& place,
      const JobOptions& options, RunClock& clock)
      : comm_(comm),
        recipe_(recipe),
        stage_(stage),
        plan_(stage.plan),
        place_(place),
        schedule_(place.schedule),
        options_(options),
        clock_(clock),
        stop_(options.stop != nullptr ? *options.stop : own_stop_),
        pool_(schedule_.options.memory_per_rank),
        files_(options.open) {}

  /// Collective. Fills the data directory.
  JobSummary fill() {
    JobSummary summary;
    make_output(summary);
    std::optional<EngineContext> context;
    std::optional<MergeEngine> engine;
    comm::agree(comm_, [&] {  // takes all of the pool's memory
      const auto rank = static_cast<std::uint32_t>(comm_.rank());
      const Continuation& before = place_.continuation;
      journal_.emplace(JournalPlace{before.journal_directory, stage_.fingerprint, before.attempt, rank}, *sink_,
                       options_.reliability);
      context.emplace(comm_, plan_, schedule_, files_, *sink_, *workers_, pool_, counters_, *journal_, before.recorded,
                      stop_);
      add_digests_of_done_units(*context);
      engine.emplace(*context, pool_, options_.take_over);
    });
    units_ = &context->units;
    engine_ = &*engine;
    clock_.enter(Phase::merging);
    workers_->take_times();  // they were idle so far
    engine->run();
    const PhaseTimes of_workers = workers_->take_times();
    clock_.enter(Phase::finish);
    // Everything is in the journal before it is published: a kill from here on costs nothing.
    comm::agree_on_work(comm_, [&] { journal_->flush([this] { idle(); }); });
    sink_->finish(comm_);
    clock_.enter(Phase::record);
    take_remarks(*context, *engine, summary);
    const std::vector<io::Digest> digests = context->digests.collect(comm_);
    add_up(*context, of_workers, summary);
    summary.manifest_sha256 = comm::on_root(comm_, [&] { return write_records(summary, digests); });
    return summary;
  }

  /// Local. After a failure: what was written and can be made durable is. @return whether the journal holds anything.
  bool save() noexcept {
    const bool had_work = place_.continuation.done_units > 0 || !place_.continuation.recorded.places.empty();
    if (!journal_) return had_work;
    try {
      journal_->flush([] {});
    } catch (...) {  // it does not hide the failure that led here; what is not in the journal is made again
    }
    return had_work || journal_->committed_entries() > 0;
  }

 private:
  /// Collective. Output files at their sizes, and the small ones beside them.
  void make_output(JobSummary& summary) {
    const std::string& directory = place_.continuation.data_directory;
    comm::agree(comm_, [&] {
      workers_.emplace(schedule_.options.threads, [this] { return idle(); });
      if (options_.trace != nullptr) workers_->show_on(*options_.trace);
      io::OutputLayout layout = layout_of(plan_, directory, document().extensions.output_metadata);
      layout.sparse = options_.sparse_output;
      sink_ = make_sink(options_.output_format, layout,
                        [this](const std::function<void()>& closure) { workers_->on_main(closure); });
      if (!comm_.is_root()) return;
      summary.remarks = compare_copied_integers(plan_, files_);
      std::ranges::move(sink_->left_out(), std::back_inserter(summary.remarks));
      remove_small_files(directory, output_places(options_.output_format, layout));
      io::write_companions(stage_.companions, directory);
    });
    sink_->prepare(comm_);
  }

  /// Collective. What the ranks did.
  void add_up(const EngineContext& context, const PhaseTimes& of_workers, JobSummary& summary) {
    RankReport mine = report_of(counters_, pool_, *journal_, clock_.take(), of_workers);
    mine.units = context.units.units_done();
    mine.units_taken_over = engine_->units_taken_over();
    summary.ranks = gather_reports(comm_, mine);
    std::ranges::move(remarks_on_storage(summary.ranks), std::back_inserter(summary.remarks));
    summary.collectives = comm_.collectives();
    summary.attempt = place_.continuation.attempt;
    summary.units = schedule_.units.size();
    summary.units_resumed = place_.continuation.done_units;
  }

  const recipe::MergeDocument& document() const { return recipe_.documents[stage_.document]; }

  /// Collective.
  void take_remarks(const EngineContext& context, const MergeEngine& engine, JobSummary& summary) const {
    for (std::string& remark : gather_lines(comm_, engine.remarks())) summary.remarks.push_back(std::move(remark));
    if (std::ranges::any_of(plan_.models, [](const Catalogue& model) { return !model.encodings.empty(); })) {
      const auto notes = gather_lines(comm_, context.sources.notes());
      for (const std::string& note : std::set<std::string>(notes.begin(), notes.end())) summary.remarks.push_back(note);
    }
    if (std::ranges::any_of(plan_.tensors, [](const auto& tensor) { return is_float8(tensor.output.dtype); })) {
      const auto saturated = gather_saturated(comm_, context.saturations.all());
      for (const auto& [tensor, values] : saturated) {
        summary.saturated.push_back({plan_.tensors[tensor].output.name, values});
      }
      std::ranges::move(remarks_on_saturated(plan_, saturated), std::back_inserter(summary.remarks));
    }
  }

  bool idle() {
    look_around();
    if (journal_) journal_->check();
    if (engine_ != nullptr) engine_->serve_others();
    if (options_.on_progress) {
      const auto rank = static_cast<std::size_t>(comm_.rank());
      options_.on_progress({counters_.bytes_read + counters_.bytes_written, schedule_.rank_bytes[rank],
                            journal_ ? journal_->committed_units() : 0});
    }
    return !comm_.alarmed();
  }

  /// Main thread, while workers work. Passes on who wants to stop, and ends what hangs.
  void look_around() {
    if (options_.on_idle) options_.on_idle();
    const auto& reliability = options_.reliability;
    if (stop_.level() == Stop::none && reliability.deadline &&
        std::chrono::steady_clock::now() + time_to_stop() >= *reliability.deadline) {
      stop_.raise_for_deadline();
    }
    if (stop_.level() != Stop::none) comm_.raise_stop(static_cast<int>(stop_.level()));
    stop_.raise(static_cast<Stop>(comm_.stop_level()));
    if (reliability.stall_timeout.count() == 0) return;
    const auto call = io::longest_pending_call();
    if (!call || call->seconds < static_cast<double>(reliability.stall_timeout.count())) return;
    comm_.give_up(Error(ErrorKind::storage, fmt::format("a {} has not ended for {:.0f} s", call->what, call->seconds))
                      .in_file(call->path)
                      .with("byte", std::to_string(call->offset))
                      .with("rank", std::to_string(comm_.rank()))
                      .hint("the storage does not answer; the same command line goes on from here"));
  }

  /// For what is in flight, and for committing it.
  std::chrono::duration<double> time_to_stop() const {
    std::chrono::duration<double> needed = options_.reliability.reserve;
    if (units_ == nullptr) return needed;
    return std::max(needed, 2 * units_->slowest_unit() + 2 * journal_->slowest_commit());
  }

  /// Rank 0. All but weight files that can be gone on with is made anew: it costs nothing.
  void remove_small_files(const std::string& directory, const std::optional<io::OutputPlaces>& places) const {
    std::set<std::string> stays{io::unfinished_file_name};  // files, or the folder that they are in
    for (const auto& file : places ? places->files : std::vector<io::OutputPlaces::File>()) {
      stays.insert(file.name.substr(0, file.name.find('/')));
    }
    std::error_code failure;
    for (const std::string& name : io::names_in(directory, failure)) {
      if (!stays.contains(name)) io::remove_tree(directory + "/" + name);
    }
  }

  /// Rank 0 has them all.
  void add_digests_of_done_units(EngineContext& context) const {
    for (const auto& [unit, digests] : place_.continuation.digests) {
      const plan::Unit& at = schedule_.units[unit];
      io::DigestTree run;
      if (!io::insert_left_to_right(at.range, digests, run)) {
        throw Error(ErrorKind::internal, "digests of another unit");
      }
      context.digests.add(at.tensor, run);
    }
  }

  /// Rank 0. @return the manifest's SHA-256.
  std::string write_records(const JobSummary& summary, const std::vector<io::Digest>& digests) const {
    const std::string& directory = place_.continuation.data_directory;
    check_complete(summary);
    for (const Catalogue& model : plan_.models) check_unchanged(model);
    if (options_.write_model_card) io::write_model_card(card_of(recipe_, stage_, place_.out), directory);
    const auto write = [&](std::string_view file, const std::string& text) {
      io::write_file((std::filesystem::path(directory) / file).string(), text);
    };
    write(io::run_record_file_name, to_json(record_of(stage_, schedule_, options_, summary)));
    const std::string manifest = to_json(manifest_of(document(), plan_, sink_->files(), digests));
    write(io::manifest_file_name, manifest);
    return io::sha256_hex(manifest);
  }

  /// Rank 0. Ranks do one another's work: none of it may have got lost.
  static void check_complete(const JobSummary& summary) {
    std::uint64_t units = summary.units_resumed;
    for (const RankReport& rank : summary.ranks) units += rank.units;
    if (units == summary.units) return;
    throw Error(ErrorKind::internal, fmt::format("{} of {} units were merged", units, summary.units));
  }

  const comm::Communicator& comm_;
  const recipe::Recipe& recipe_;
  const Stage& stage_;
  const plan::MergePlan& plan_;
  const Workplace& place_;
  const plan::Schedule& schedule_;
  const JobOptions& options_;
  RunClock& clock_;
  StopFlag own_stop_;
  StopFlag& stop_;
  MemoryPool pool_;
  InputFiles files_;
  Counters counters_;
  std::optional<Workers> workers_;
  std::unique_ptr<io::TensorSink> sink_;
  std::optional<JournalKeeper> journal_;
  const UnitAssembly* units_ = nullptr;
  MergeEngine* engine_ = nullptr;  // while it runs
};

/// All ranks fail together: what is worth going on with stays, the rest goes.
void end_failed(const comm::Communicator& comm, Job& job, Workplace& place, bool keep_anyway, ErrorKind kind) {
  const bool holds_work = job.save() && can_be_continued(kind);
  const bool keep = comm.max(holds_work || keep_anyway ? 1 : 0) != 0;  // also a barrier: no file is in use
  if (!place.staging) return;
  if (keep) return place.staging->leave();
  place.staging->discard();
  place.staging.reset();
}

/// Collective. A difference stays known, so that the next attempt looks for it and makes again what is damaged.
void read_back(const comm::Communicator& comm, const Workplace& place, const OpenSource& open) {
  try {
    verify_output(comm, place.continuation.data_directory,
                  {.threads = place.schedule.options.threads, .open = open, .staged = true, .from_storage = true});
  } catch (const Error& error) {
    if (comm.failing_together() && place.staging && error.kind() == ErrorKind::mismatch) place.staging->doubt();
    throw;
  }
}

}  // namespace

JobSummary run_merge(const comm::Communicator& comm, const recipe::Recipe& recipe, const Stage& stage, Workplace& place,
                     const JobOptions& options) {
  const auto start = Clock::now();
  RunClock own_clock(Phase::prepare);
  RunClock& clock = options.clock != nullptr ? *options.clock : own_clock;
  clock.enter(Phase::prepare);
  JobSummary summary;
  Job job(comm, recipe, stage, place, options, clock);
  try {
    summary = job.fill();
    clock.enter(Phase::verify);
    if (options.reliability.readback) read_back(comm, place, options.open);
    clock.enter(Phase::publish);
    comm::agree(comm, [&] {
      if (place.staging) place.staging->publish();
    });
  } catch (...) {
    if (comm.failing_together()) end_failed(comm, job, place, options.keep_staging, Error::current().kind());
    throw;
  }
  add_times(comm, clock.take(), summary.ranks);
  for (const RankReport& rank : summary.ranks) {
    summary.bytes_read += rank.bytes_read;
    summary.bytes_written += rank.bytes_written;
  }
  summary.collectives = comm.collectives();
  summary.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return summary;
}

}  // namespace stockpot::engine
