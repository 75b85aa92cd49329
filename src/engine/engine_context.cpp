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

EngineContext::EngineContext(const comm::Communicator& ranks, const plan::MergePlan& merge_plan,
                             const plan::Schedule& dealt, Crew& crew, io::TensorSink& out, Counters& counted,
                             JournalKeeper& keeper, const RecordedPasses& before, Lookout& looks_out)
    : comm(ranks),
      plan(merge_plan),
      schedule(dealt),
      sources(merge_plan, crew.files, dealt.memory.small_tensor_bytes),
      sink(out),
      workers(crew.workers),
      per_worker(crew.per_worker),
      kept(crew.kept),
      wave_counters(crew.counters),
      counters(counted),
      workspace(dealt.memory.workspace_bytes),
      digests(outputs_of(merge_plan)),
      journal(keeper),
      recorded(before),
      lookout(looks_out),
      stop(looks_out.stop()),
      units(merge_plan, digests, keeper, stop),
      input_check(merge_plan, sources),
      lines(merge_plan) {}

void EngineContext::advise(const Strips& strips, std::size_t b) const {
  std::vector<OpenStrip> opened;
  for (const Strip& strip : strips.strips_of(strips.bundle(b))) opened.emplace_back(plan, strip, sources);
  will_need_together(parts_of(all_of(opened)));
}

}  // namespace stockpot::engine
