#include "engine/rank_reports.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "comm/host_name.hpp"
#include "core/bytes.hpp"

namespace stockpot::engine {
namespace {

/// Visits all of a report in one order. @param each  takes numbers, reals and texts by reference.
template <class Report, class Each>
void visit(Report& report, Each& each) {
  each(report.host);
  for (auto* number : {&report.bytes_read, &report.bytes_found, &report.bytes_written, &report.pool_high_water,
                       &report.peak_resident, &report.storage.calls_repeated, &report.storage.bytes_copied_by_kernel,
                       &report.journal_commits, &report.storage.direct.bytes_read, &report.storage.direct.bytes_written,
                       &report.storage.direct.files_refused, &report.units, &report.units_taken_over}) {
    each(*number);
  }
  each(report.storage.direct.first_refused);
  for (auto* real : {&report.wall_seconds, &report.busy_seconds, &report.journal_seconds}) each(*real);
  for (auto& totals : report.storage.transfers) {
    each(totals.calls);
    each(totals.seconds);
    each(totals.slowest_seconds);
    each(totals.slowest_path);
    each(totals.slowest_offset);
  }
  for (auto* phases : {&report.phases, &report.worker_phases}) {
    each.resize(*phases);
    for (auto& phase : *phases) {
      each(phase.name);
      each(phase.seconds);
    }
  }
}

struct Packer {
  ByteWriter out;
  void operator()(std::uint64_t value) { out.number(value); }
  void operator()(double value) { out.real(value); }
  void operator()(const std::string& value) { out.text(value); }
  void resize(const std::vector<io::RankRecord::Phase>& phases) { out.number(phases.size()); }
};

struct Unpacker {
  ByteReader in;
  void operator()(std::uint64_t& value) { value = in.number(); }
  void operator()(double& value) { value = in.real(); }
  void operator()(std::string& value) { value = in.text(); }
  void resize(std::vector<io::RankRecord::Phase>& phases) { phases.resize(in.number()); }
};

std::string pack(const io::RankRecord& report) {
  Packer packer;
  visit(report, packer);
  return packer.out.take();
}

io::RankRecord unpack(std::string_view bytes) {
  io::RankRecord report;
  Unpacker unpacker{ByteReader(bytes)};
  visit(report, unpacker);
  return report;
}

}  // namespace

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

io::RankRecord report_of(const Counters& counters, const MemoryPool& pool, const JournalKeeper& journal,
                         const PhaseTimes& main, const PhaseTimes& workers) {
  io::RankRecord report;
  report.host = comm::host_name();
  report.bytes_read = counters.bytes_read;
  report.bytes_found = counters.bytes_found;
  report.bytes_written = counters.bytes_written;
  report.pool_high_water = pool.high_water();
  report.peak_resident = peak_resident_bytes();
  report.storage = io::take_storage_totals();
  report.journal_commits = journal.commits().count;
  report.journal_seconds = journal.commits().time.count();
  report.busy_seconds = main.seconds(Phase::merging);
  report.wall_seconds = std::chrono::duration<double>(main.total()).count();
  for (const Phase phase : all_phases()) {
    const bool is_to_come = phase == Phase::verify || phase == Phase::publish;  // but for merges before this one
    if (is_to_come && main.seconds(phase) == 0.0) continue;
    const bool of_workers = is_of_workers(phase);
    (of_workers ? report.worker_phases : report.phases)
        .push_back({std::string(name(phase)), (of_workers ? workers : main).seconds(phase)});
  }
  return report;
}

std::vector<io::RankRecord> gather_reports(const comm::Communicator& comm, const io::RankRecord& mine) {
  std::vector<io::RankRecord> all;
  for (const std::string& part : comm.gather(pack(mine))) all.push_back(unpack(part));
  return all;
}

void add_times(const comm::Communicator& comm, const PhaseTimes& mine, std::vector<io::RankRecord>& reports) {
  ByteWriter out;
  for (const Phase phase : all_phases()) out.real(mine.seconds(phase));
  const std::vector<std::string> parts = comm.gather(out.take());
  for (std::size_t r = 0; r < parts.size(); ++r) {
    ByteReader in(parts[r]);
    std::vector<io::RankRecord::Phase> whole;
    for (const Phase phase : all_phases()) {
      const double seconds = in.real();
      if (is_of_workers(phase)) continue;
      whole.push_back({std::string(name(phase)), seconds + io::seconds_of(reports[r].phases, name(phase))});
      reports[r].wall_seconds += seconds;
    }
    reports[r].phases = std::move(whole);
  }
}

std::vector<std::string> remarks_on_direct(const std::vector<io::DirectTotals>& ranks) {
  std::uint64_t refused = 0;
  for (const io::DirectTotals& rank : ranks) refused += rank.files_refused;
  if (refused == 0) return {};
  const auto first = std::ranges::find_if(ranks, [](const auto& rank) { return rank.files_refused > 0; });
  return {fmt::format("--direct: refused {} time{}, rank {} by {} first; what is refused goes through the page cache",
                      refused, refused == 1 ? "" : "s", first - ranks.begin(), first->first_refused)};
}

std::vector<std::string> remarks_on_storage(const std::vector<io::RankRecord>& ranks) {
  std::vector<std::string> remarks;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    const std::uint64_t calls = ranks[rank].storage.calls_repeated;
    if (calls == 0) continue;
    remarks.push_back(fmt::format("storage failed for a moment: rank {} made {} call{} of it again", rank, calls,
                                  calls == 1 ? "" : "s"));
  }
  std::vector<io::DirectTotals> direct;
  for (const io::RankRecord& rank : ranks) direct.push_back(rank.storage.direct);
  std::ranges::move(remarks_on_direct(direct), std::back_inserter(remarks));
  return remarks;
}

std::map<std::uint32_t, std::uint64_t> gather_saturated(const comm::Communicator& comm,
                                                        const std::map<std::uint32_t, std::uint64_t>& mine) {
  ByteWriter out;
  for (const auto& [tensor, values] : mine) {
    out.number(tensor);
    out.number(values);
  }
  std::map<std::uint32_t, std::uint64_t> all;
  for (const std::string& part : comm.gather(out.take())) {
    ByteReader in(part);
    while (!in.done()) {
      const auto tensor = static_cast<std::uint32_t>(in.number());
      all[tensor] += in.number();
    }
  }
  return all;
}

std::vector<std::string> remarks_on_saturated(const plan::MergePlan& plan,
                                              const std::map<std::uint32_t, std::uint64_t>& saturated) {
  constexpr std::size_t most = 20;
  std::vector<std::string> remarks;
  for (const auto& [tensor, values] : saturated) {
    if (remarks.size() == most) {
      remarks.push_back(fmt::format("TEN031: so it is in {} further tensors: see {}", saturated.size() - most,
                                    io::run_record_file_name));
      break;
    }
    const TensorInfo& output = plan.tensors[tensor].output;
    remarks.push_back(fmt::format("TEN031: {}: {} of {} values do not fit {} and become its largest", output.name,
                                  values, output.elements(), name(output.dtype)));
  }
  return remarks;
}

}  // namespace stockpot::engine
