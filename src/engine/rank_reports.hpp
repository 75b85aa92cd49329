// What ranks have to say at the end, brought together on rank 0.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "engine/engine_context.hpp"
#include "engine/phase_clock.hpp"
#include "io/run_record.hpp"
#include "plan/plan.hpp"

namespace stockpot::engine {

/// Local. VmHWM: unlike getrusage's figure it begins with this program, not with the one that started it.
std::uint64_t peak_resident_bytes();

/// Collective. All ranks' lines, by rank, on rank 0; empty elsewhere.
std::vector<std::string> gather_lines(const comm::Communicator& comm, const std::vector<std::string>& lines);

/// Local. What this rank did in a stage, as far as it has come; of calls of storage what came since the last time.
/// @param main     of the main thread.   @param workers  of all workers together.
io::RankRecord report_of(const Counters& counters, const MemoryPool& pool, const JournalKeeper& journal,
                         const PhaseTimes& main, const PhaseTimes& workers);
/// Collective. All ranks' reports, by rank, on rank 0; empty elsewhere.
std::vector<io::RankRecord> gather_reports(const comm::Communicator& comm, const io::RankRecord& mine);
/// Collective. Adds to reports, on rank 0, what the ranks' main threads did after they were gathered.
void add_times(const comm::Communicator& comm, const PhaseTimes& mine, std::vector<io::RankRecord>& reports);

/// Local. One, if files have no direct transfers although they were asked for.   @param ranks  one of each, by rank.
std::vector<std::string> remarks_on_direct(const std::vector<io::DirectTotals>& ranks);
/// Local. That, and ranks whose calls of storage failed at first: "storage failed for a moment: rank 3 made 2 calls of it again".
std::vector<std::string> remarks_on_storage(const std::vector<io::RankRecord>& ranks);

/// Collective. Values that a float8 output could not hold, by index of the plan's tensors: all ranks' together, on rank 0.
std::map<std::uint32_t, std::uint64_t> gather_saturated(const comm::Communicator& comm,
                                                        const std::map<std::uint32_t, std::uint64_t>& mine);

/// Local. TEN031 for the first tensors of these, and one for the others.
std::vector<std::string> remarks_on_saturated(const plan::MergePlan& plan,
                                              const std::map<std::uint32_t, std::uint64_t>& saturated);

}  // namespace stockpot::engine
