#include "engine/rank_reports.hpp"

#include <fmt/format.h>

#include <fstream>

#include "core/bytes.hpp"

namespace stockpot::engine {

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

std::vector<io::RunRecord::Rank> gather_reports(const comm::Communicator& comm, const io::RunRecord::Rank& mine) {
  ByteWriter out;
  for (const std::uint64_t n :
       {mine.bytes_read, mine.bytes_written, mine.pool_high_water, mine.peak_resident, mine.calls_repeated}) {
    out.number(n);
  }
  out.real(mine.busy_seconds);
  std::vector<io::RunRecord::Rank> all;
  for (const std::string& part : comm.gather(out.take())) {
    ByteReader in(part);
    io::RunRecord::Rank report;
    for (std::uint64_t* n : {&report.bytes_read, &report.bytes_written, &report.pool_high_water, &report.peak_resident,
                             &report.calls_repeated}) {
      *n = in.number();
    }
    report.busy_seconds = in.real();
    all.push_back(report);
  }
  return all;
}

std::vector<std::string> remarks_on_storage(const std::vector<io::RunRecord::Rank>& ranks) {
  std::vector<std::string> remarks;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    const std::uint64_t calls = ranks[rank].calls_repeated;
    if (calls == 0) continue;
    remarks.push_back(fmt::format("storage failed for a moment: rank {} made {} call{} of it again", rank, calls,
                                  calls == 1 ? "" : "s"));
  }
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
