#include "engine/stage_merge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>

#include "comm/agree.hpp"
#include "engine/copied_tensors.hpp"
#include "engine/output_format.hpp"
#include "engine/provenance.hpp"
#include "engine/rank_reports.hpp"
#include "engine/verify.hpp"
#include "io/manifest.hpp"
#include "io/model_card.hpp"
#include "io/posix_file.hpp"
#include "io/small_file.hpp"
#include "io/tree.hpp"

namespace stockpot::engine {
namespace {

/// @throws Error(corrupt_input, FMT009) if a file of a model is no longer what its catalogue says.
void check_unchanged(const Catalogue& model) {
  for (const StoredFile& file : model.files) {
    const StoredFile now = io::PosixSource(file.path).stored();
    if (now.bytes == file.bytes && now.modified_ns == file.modified_ns && now.inode == file.inode) continue;
    throw Error(ErrorKind::corrupt_input, "an input file changed while it was read")
        .code("FMT009")
        .in_file(file.path)
        .in_model(model.model)
        .hint("nothing was published; run the merge again when nobody writes to this file");
  }
}

}  // namespace

void StageMerge::begin() {
  make_output();
  comm::agree(comm_, [&] {
    const auto rank = static_cast<std::uint32_t>(comm_.rank());
    const Continuation& before = place_.continuation;
    journal_.emplace(JournalPlace{before.journal_directory, stage_.fingerprint, before.attempt, rank}, *sink_,
                     options_.reliability);
    context_.emplace(comm_, plan_, schedule_, *sweep_.crew, *sink_, counters_, *journal_, before.recorded,
                     sweep_.lookout);
    add_digests_of_done_units();
    engine_.emplace(*context_, options_.take_over);
  });
}

JobSummary StageMerge::finish(std::vector<std::string> made_with) {
  JobSummary summary = std::move(summary_);
  summary.made_with = std::move(made_with);
  sweep_.clock.enter(Phase::finish);
  // Everything is in the journal before it is published: a kill from here on costs nothing.
  comm::agree_on_work(comm_, [&] {
    journal_->flush([this] { sweep_.idle(); });
    journal_->close();  // on every rank, before rank 0 removes it
  });
  sink_->finish(comm_);
  sweep_.clock.enter(Phase::record);
  take_remarks(summary);
  const std::vector<io::Digest> digests = context_->digests.collect(comm_);
  add_up(summary);
  summary.manifest_sha256 = comm::on_root(comm_, [&] { return write_records(summary, digests); });
  return summary;
}

void StageMerge::publish() {
  sweep_.clock.enter(Phase::verify);
  if (options_.reliability.readback) read_back();
  sweep_.clock.enter(Phase::publish);
  comm::agree(comm_, [&] {
    if (place_.staging) place_.staging->publish();
  });
  is_published_ = true;
  io::take_storage_totals();  // what that took is of no record
}

void StageMerge::let_go() {
  engine_.reset();
  context_.reset();
  journal_.reset();
  sink_.reset();
}

void StageMerge::save() noexcept {
  if (is_published_ || !journal_) return;
  try {
    journal_->flush([this] { sweep_.lookout.look_around(); });
  } catch (...) {  // it does not hide the failure that led here; what is not in the journal is made again
  }
}

void StageMerge::end_failed(ErrorKind kind, bool may_be_innocent) {
  if (is_published_) return;
  const bool is_worth_it = (holds_work() && (can_be_continued(kind) || may_be_innocent)) || differs_;
  let_go();
  const bool keep = comm_.max(is_worth_it || options_.keep_staging ? 1 : 0) != 0;  // also a barrier: no file is in use
  if (!place_.staging) return;
  if (keep) return place_.staging->leave();
  place_.staging->discard();
  place_.staging.reset();
}

void StageMerge::check() {
  if (journal_) journal_->check();
  if (engine_) engine_->serve_others();
}

Progress StageMerge::progress() const {
  const auto rank = static_cast<std::size_t>(comm_.rank());
  return {.begin = {},
          .bytes_done = counters_.bytes_read + counters_.bytes_found + counters_.bytes_written,
          .bytes_planned = schedule_.rank_bytes[rank],
          .units_done = journal_ ? journal_->committed_units() : 0};
}

std::chrono::duration<double> StageMerge::slowest_unit() const {
  return context_ ? context_->units.slowest_unit() : std::chrono::duration<double>();
}

std::chrono::duration<double> StageMerge::slowest_commit() const {
  return journal_ ? journal_->slowest_commit() : std::chrono::duration<double>();
}

bool StageMerge::holds_work() const {
  return place_.continuation.holds_work() || (journal_ && journal_->committed_entries() > 0);
}

void StageMerge::read_back() {
  try {
    verify_output(comm_, place_.continuation.data_directory,
                  {.threads = schedule_.options.threads,
                   .open = options_.open,
                   .staged = true,
                   .from_storage = true,
                   .idle = [this] { return sweep_.lookout.look_around_or_stop(); }});
  } catch (const Error& error) {
    differs_ = error.kind() == ErrorKind::mismatch;
    if (differs_ && comm_.failing_together() && place_.staging) place_.staging->doubt();
    throw;
  }
}

void StageMerge::make_output() {
  const std::string& directory = place_.continuation.data_directory;
  comm::agree(comm_, [&] {
    io::OutputLayout layout = layout_of(plan_, directory, document().extensions.output_metadata);
    layout.writing = options_.writing;
    layout.kernel_copies = options_.kernel_copies;
    sink_ = make_sink(options_.output_format, layout,
                      [this](const std::function<void()>& closure) { sweep_.crew->workers.on_main(closure); });
    if (!comm_.is_root()) return;
    summary_.remarks = compare_copied_integers(plan_, sweep_.crew->files);
    std::ranges::move(sink_->left_out(), std::back_inserter(summary_.remarks));
    remove_small_files(directory, output_places(options_.output_format, layout));
    io::write_companions(stage_.companions, directory);
  });
  sink_->prepare(comm_);
}

void StageMerge::add_up(JobSummary& summary) {
  RankReport mine = report_of(counters_, sweep_.crew->pool, *journal_, sweep_.take_times(), sweep_.times_of_workers);
  mine.storage = sweep_.storage += mine.storage;
  mine.units = context_->units.units_done();
  mine.units_taken_over = engine_->units_taken_over();
  summary.ranks = gather_reports(comm_, mine);
  std::ranges::move(remarks_on_storage(summary.ranks), std::back_inserter(summary.remarks));
  summary.collectives = comm_.collectives();
  summary.attempt = place_.continuation.attempt;
  summary.units = schedule_.units.size();
  summary.units_resumed = place_.continuation.done_units;
}

void StageMerge::take_remarks(JobSummary& summary) const {
  for (std::string& remark : gather_lines(comm_, engine_->remarks())) summary.remarks.push_back(std::move(remark));
  if (std::ranges::any_of(plan_.models, [](const Catalogue& model) { return !model.encodings.empty(); })) {
    const auto notes = gather_lines(comm_, context_->sources.notes());
    for (const std::string& note : std::set<std::string>(notes.begin(), notes.end())) summary.remarks.push_back(note);
  }
  if (std::ranges::any_of(plan_.tensors, [](const auto& tensor) { return is_float8(tensor.output.dtype); })) {
    const auto saturated = gather_saturated(comm_, context_->saturations.all());
    for (const auto& [tensor, values] : saturated) {
      summary.saturated.push_back({plan_.tensors[tensor].output.name, values});
    }
    std::ranges::move(remarks_on_saturated(plan_, saturated), std::back_inserter(summary.remarks));
  }
}

void StageMerge::remove_small_files(const std::string& directory, const std::optional<io::OutputPlaces>& places) const {
  std::set<std::string> stays{io::unfinished_file_name};  // files, or the folder that they are in
  for (const auto& file : places ? places->files : std::vector<io::OutputPlaces::File>()) {
    stays.insert(file.name.substr(0, file.name.find('/')));
  }
  io::remove_entries(directory, [&](const std::string& name) { return stays.contains(name); });
}

void StageMerge::add_digests_of_done_units() {
  for (const auto& [unit, digests] : place_.continuation.digests) {
    const plan::Unit& at = schedule_.units[unit];
    io::DigestTree run;
    if (!io::insert_left_to_right(at.range, digests, run)) {
      throw Error(ErrorKind::internal, "digests of another unit");
    }
    context_->digests.add(at.tensor, run);
  }
}

std::string StageMerge::write_records(const JobSummary& summary, const std::vector<io::Digest>& digests) const {
  const std::string& directory = place_.continuation.data_directory;
  check_complete(summary);
  for (const Catalogue& model : plan_.models) check_unchanged(model);
  if (options_.write_model_card) io::write_model_card(card_of(recipe_, stage_, place_.out), directory);
  const auto write = [&](std::string_view file, const std::string& text) {
    io::write_file((std::filesystem::path(directory) / file).string(), text);
  };
  write(io::run_record_file_name, to_json(record_of(stage_, schedule_, options_, summary)));
  io::Manifest manifest = manifest_of(document(), plan_, sink_->files(), digests);
  manifest.small_files = small_files_of(stage_.companions, directory);
  const std::string text = to_json(manifest);
  write(io::manifest_file_name, text);
  return io::sha256_hex(text);
}

void StageMerge::check_complete(const JobSummary& summary) {
  std::uint64_t units = summary.units_resumed;
  for (const RankReport& rank : summary.ranks) units += rank.units;
  if (units == summary.units) return;
  throw Error(ErrorKind::internal, fmt::format("{} of {} units were merged", units, summary.units));
}

}  // namespace stockpot::engine
