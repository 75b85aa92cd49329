// What every part of the engine works with: the plan, the way in, the way out, the workers and their buffers.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "comm/communicator.hpp"
#include "engine/byte_gate.hpp"
#include "engine/crew.hpp"
#include "engine/journal_keeper.hpp"
#include "engine/lines_alpha.hpp"
#include "engine/lookout.hpp"
#include "engine/recorded_passes.hpp"
#include "engine/strip_io.hpp"
#include "engine/tensor_digests.hpp"
#include "engine/unit_assembly.hpp"
#include "io/tensor_sink.hpp"
#include "plan/schedule.hpp"

namespace stockpot::engine {

/// Counted by workers, read by the main thread for progress and report.
struct Counters {
  std::atomic<std::uint64_t> bytes_read = 0;
  std::atomic<std::uint64_t> bytes_found = 0;  ///< in memory, where another merge of the sweep had read them
  std::atomic<std::uint64_t> bytes_written = 0;
};

/// Values that a narrow output type could not hold, by tensor. Thread safe.
class Saturations {
 public:
  void add(std::uint32_t tensor, std::uint64_t values) {
    if (values == 0) return;
    const std::lock_guard lock(mutex_);
    of_tensor_[tensor] += values;
  }
  /// @pre no worker runs.
  const std::map<std::uint32_t, std::uint64_t>& all() const { return of_tensor_; }

 private:
  std::mutex mutex_;
  std::map<std::uint32_t, std::uint64_t> of_tensor_;  // index into the plan's tensors
};

struct EngineContext {
  const comm::Communicator& comm;
  const plan::MergePlan& plan;
  const plan::Schedule& schedule;
  SourceFactory sources;
  io::TensorSink& sink;
  Workers& workers;
  std::vector<Worker>& per_worker;
  KeptStrips& kept;                        ///< of the wave under way; while it is merged, of the next one as well
  std::span<std::uint64_t> wave_counters;  ///< of the wave that is observed
  Counters& counters;
  ByteGate workspace;  ///< of methods that conclude
  TensorDigests digests;
  JournalKeeper& journal;
  const RecordedPasses& recorded;  ///< by earlier attempts
  Lookout& lookout;
  StopFlag& stop;
  UnitAssembly units;
  InputCheck input_check;
  Saturations saturations;
  LinesAlpha lines;
  bool measuring = false;  ///< strips are merged for `lines` to see, not to be written

  /// Everything must outlive it.
  EngineContext(const comm::Communicator& ranks, const plan::MergePlan& merge_plan, const plan::Schedule& dealt,
                Crew& crew, io::TensorSink& out, Counters& counted, JournalKeeper& keeper, const RecordedPasses& before,
                Lookout& looks_out);
  /// nullptr: NaN and infinities of inputs are no error.
  const InputCheck* check_of_inputs() const {
    return plan.nonfinite == recipe::Nonfinite::error ? &input_check : nullptr;
  }
  /// Whether a worker may look at a strip, for statistics: not when the job is to stop.
  bool may_look() const {
    if (stop.level() == Stop::none) return true;
    stop.skipped();
    return false;
  }
  /// The same for merging it: units that are begun may have to be finished.
  bool may_begin(const Strip& strip) { return measuring ? may_look() : units.may_begin(strip); }
  /// Tells the storage that the b-th bundle of these strips will be wanted.
  void advise(const Strips& strips, std::size_t b) const;
};

}  // namespace stockpot::engine
