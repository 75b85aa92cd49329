#include "engine/merge_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>

#include "comm/agree.hpp"
#include "core/bytes.hpp"
#include "engine/copied_tensors.hpp"
#include "engine/merge_engine.hpp"
#include "engine/output_format.hpp"
#include "engine/provenance.hpp"
#include "engine/stage_planner.hpp"
#include "io/manifest.hpp"
#include "io/model_card.hpp"
#include "io/small_file.hpp"

namespace stockpot::engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// VmHWM: unlike getrusage's figure it begins with this program, not with the one that started it.
std::uint64_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "VmHWM:") continue;
    std::uint64_t kibibytes = 0;
    status >> kibibytes;
    return kibibytes * 1024;
  }
  return 0;
}

std::vector<std::string> gather_lines(const comm::Communicator& comm, const std::vector<std::string>& lines) {
  ByteWriter out;
  for (const std::string& line : lines) out.text(line);
  std::vector<std::string> all;
  for (const std::string& part : comm.gather(out.take())) {
    ByteReader in(part);
    while (!in.done()) all.push_back(in.text());
  }
  return all;
}

std::vector<RankReport> gather_reports(const comm::Communicator& comm, const RankReport& mine) {
  ByteWriter out;
  for (const std::uint64_t n : {mine.bytes_read, mine.bytes_written, mine.pool_high_water, mine.peak_resident}) {
    out.number(n);
  }
  out.real(mine.busy_seconds);
  std::vector<RankReport> all;
  for (const std::string& part : comm.gather(out.take())) {
    ByteReader in(part);
    RankReport report;
    for (std::uint64_t* n :
         {&report.bytes_read, &report.bytes_written, &report.pool_high_water, &report.peak_resident}) {
      *n = in.number();
    }
    report.busy_seconds = in.real();
    all.push_back(report);
  }
  return all;
}

using SaturatedValues = std::map<std::uint32_t, std::uint64_t>;  // by index into the plan's tensors

/// Of all ranks together.
SaturatedValues gather_saturated(const comm::Communicator& comm, const SaturatedValues& mine) {
  ByteWriter out;
  for (const auto& [tensor, values] : mine) {
    out.number(tensor);
    out.number(values);
  }
  SaturatedValues all;
  for (const std::string& part : comm.gather(out.take())) {
    ByteReader in(part);
    while (!in.done()) {
      const auto tensor = static_cast<std::uint32_t>(in.number());
      all[tensor] += in.number();
    }
  }
  return all;
}

void report_saturated(const plan::MergePlan& plan, const SaturatedValues& saturated, JobSummary& summary) {
  constexpr std::size_t shown = 20;
  for (const auto& [tensor, values] : saturated) {
    const TensorInfo& output = plan.tensors[tensor].output;
    summary.saturated.push_back({output.name, values});
    if (summary.saturated.size() > shown) continue;
    summary.remarks.push_back(fmt::format("TEN031: {}: {} of {} values do not fit {} and become its largest",
                                          output.name, values, output.elements(), name(output.dtype)));
  }
  if (saturated.size() <= shown) return;
  summary.remarks.push_back(fmt::format("TEN031: so it is in {} further tensors: see {}", saturated.size() - shown,
                                        io::run_record_file_name));
}

/// The part between the staging directory's creation and its publication.
class Job {
 public:
  Job(const comm::Communicator& comm, const recipe::Recipe& recipe, const Stage& stage, const plan::Schedule& schedule,
      const std::string& out, const JobOptions& options)
      : comm_(comm),
        recipe_(recipe),
        stage_(stage),
        plan_(stage.plan),
        schedule_(schedule),
        out_(out),
        options_(options),
        pool_(schedule.options.memory_per_rank),
        files_(options.open) {}

  /// Collective. Fills `directory`.
  JobSummary fill(const std::string& directory) {
    JobSummary summary;
    comm::agree(comm_, [&] {
      workers_.emplace(schedule_.options.threads, [this] { return idle(); });
      if (!comm_.is_root()) return;
      summary.remarks = compare_copied_integers(plan_, files_);
      io::write_companions(stage_.companions, directory);
    });
    const auto sink =
        make_sink(options_.output_format, layout_of(plan_, directory, document().extensions.output_metadata),
                  [this](const std::function<void()>& closure) { workers_->on_main(closure); });
    sink->prepare(comm_);
    const auto start = Clock::now();
    std::optional<EngineContext> context;
    std::optional<MergeEngine> engine;
    comm::agree(comm_, [&] {  // takes all of the pool's memory
      context.emplace(comm_, plan_, schedule_, files_, *sink, *workers_, pool_, counters_);
      engine.emplace(*context, pool_);
    });
    engine->run();
    const RankReport mine{counters_.bytes_read, counters_.bytes_written, pool_.high_water(), peak_resident_bytes(),
                          std::chrono::duration<double>(engine->finished() - start).count()};
    sink->finish(comm_);
    take_remarks(*context, *engine, summary);
    const std::vector<io::Digest> digests = context->digests.collect(comm_);
    summary.ranks = gather_reports(comm_, mine);
    summary.collectives = comm_.collectives();
    summary.manifest_sha256 = comm::on_root(comm_, [&] {
      for (const Catalogue& model : plan_.models) check_unchanged(model);
      if (options_.write_model_card) io::write_model_card(card_of(recipe_, stage_, out_), directory);
      const auto write = [&](std::string_view file, const std::string& text) {
        io::write_file((std::filesystem::path(directory) / file).string(), text);
      };
      write(io::run_record_file_name, to_json(record_of(stage_, schedule_, options_, summary)));
      const std::string manifest = to_json(manifest_of(document(), plan_, sink->files(), digests));
      write(io::manifest_file_name, manifest);
      return io::sha256_hex(manifest);
    });
    return summary;
  }

 private:
  const recipe::MergeDocument& document() const { return recipe_.documents[stage_.document]; }

  /// Collective.
  void take_remarks(const EngineContext& context, const MergeEngine& engine, JobSummary& summary) const {
    for (std::string& remark : gather_lines(comm_, engine.remarks())) summary.remarks.push_back(std::move(remark));
    if (std::ranges::any_of(plan_.models, [](const Catalogue& model) { return !model.encodings.empty(); })) {
      const auto notes = gather_lines(comm_, context.sources.notes());
      for (const std::string& note : std::set<std::string>(notes.begin(), notes.end())) summary.remarks.push_back(note);
    }
    if (std::ranges::any_of(plan_.tensors, [](const auto& tensor) { return is_float8(tensor.output.dtype); })) {
      report_saturated(plan_, gather_saturated(comm_, context.saturations.all()), summary);
    }
  }

  bool idle() {
    if (options_.on_progress) {
      const auto rank = static_cast<std::size_t>(comm_.rank());
      options_.on_progress({counters_.bytes_read + counters_.bytes_written, schedule_.rank_bytes[rank]});
    }
    return !comm_.alarmed();
  }

  const comm::Communicator& comm_;
  const recipe::Recipe& recipe_;
  const Stage& stage_;
  const plan::MergePlan& plan_;
  const plan::Schedule& schedule_;
  const std::string& out_;
  const JobOptions& options_;
  MemoryPool pool_;
  InputFiles files_;
  Counters counters_;
  std::optional<Workers> workers_;
};

}  // namespace

JobSummary run_merge(const comm::Communicator& comm, const recipe::Recipe& recipe, const Stage& stage,
                     const plan::Schedule& schedule, const std::string& out, std::optional<io::Staging>& staging,
                     const JobOptions& options) {
  const auto start = Clock::now();
  const std::string directory = comm::on_root(comm, [&] { return staging->data_directory(); });
  JobSummary summary;
  try {
    summary = Job(comm, recipe, stage, schedule, out, options).fill(directory);
    comm::agree(comm, [&] {
      if (staging) staging->publish();
    });
  } catch (...) {
    if (comm.failing_together()) {
      comm.barrier();  // nobody holds a file of the staging directory open any more
      if (staging) staging->discard();
    }
    throw;
  }
  for (const RankReport& rank : summary.ranks) {
    summary.bytes_read += rank.bytes_read;
    summary.bytes_written += rank.bytes_written;
  }
  summary.collectives = comm.collectives();
  summary.seconds = seconds_since(start);
  return summary;
}

}  // namespace stockpot::engine
