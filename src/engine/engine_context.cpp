#include "engine/engine_context.hpp"

namespace stockpot::engine {
namespace {

std::vector<TensorInfo> outputs_of(const plan::MergePlan& plan) {
  std::vector<TensorInfo> outputs;
  outputs.reserve(plan.tensors.size());
  for (const auto& planned : plan.tensors) outputs.push_back(planned.output);
  return outputs;
}

}  // namespace

EngineContext::EngineContext(const comm::Communicator& c, const plan::MergePlan& p, const plan::Schedule& s,
                             InputFiles& f, io::TensorSink& out, Workers& w, MemoryPool& pool, Counters& n,
                             JournalKeeper& j, const RecordedPasses& recorded_before, StopFlag& stop_flag)
    : comm(c),
      plan(p),
      schedule(s),
      sources(p, f),
      sink(out),
      workers(w),
      counters(n),
      workspace_loan(pool.lend(s.memory.workspace_bytes)),
      workspace(s.memory.workspace_bytes),
      digests(outputs_of(p)),
      journal(j),
      recorded(recorded_before),
      stop(stop_flag),
      units(p, digests, j, stop_flag),
      input_check(p, sources),
      lines(p) {
  const plan::StripMemory largest = plan::largest_strip(p, s.options.chunk_bytes);
  for (std::size_t i = 0; i < w.size(); ++i) per_worker.push_back({WorkerBuffers(pool, largest), {}, {}, w.clock(i)});
}

void EngineContext::advise(const Strips& strips, std::size_t i) const {
  constexpr std::size_t strips_ahead_of_each_worker = 4;
  const std::size_t next = i + strips_ahead_of_each_worker * per_worker.size();
  if (next < strips.size()) advise(strips[next]);
}

void EngineContext::advise(const Strip& strip) const {
  const TensorSources next_sources(plan, strip.tensor, sources);
  for (std::size_t s = 0; s < next_sources.size(); ++s) next_sources[s].will_need(strip.range);
}

}  // namespace stockpot::engine
