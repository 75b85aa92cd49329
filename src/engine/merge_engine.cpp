#include "engine/merge_engine.hpp"

#include <algorithm>

#include "comm/agree.hpp"
#include "core/bytes.hpp"
#include "core/error.hpp"
#include "engine/strip_merger.hpp"
#include "engine/wave_run.hpp"

namespace stockpot::engine {

MergeEngine::MergeEngine(EngineContext& context, MemoryPool& pool)
    : context_(context),
      work_(plan::work_of(context.plan, context.schedule, static_cast<std::uint32_t>(context.comm.rank()))),
      direct_methods_(context.plan.groups.size()) {
  std::uint64_t kept = 0, counters = 0, state = 0;
  for (const auto* waves : {&work_.shared, &work_.local}) {
    for (const plan::Wave& wave : *waves) {
      kept = std::max(kept, plan::kept_bytes(context.plan, context.schedule, wave));
      counters = std::max(counters, wave_counters(context.plan, wave));
      state = std::max(state, wave_state(context.plan, wave));
    }
  }
  kept_ = pool.acquire(kept);
  counters_ = pool.acquire(counters * sizeof(std::uint64_t));
  state_ = pool.lend(state);
}

void MergeEngine::run() {
  if (context_.plan.lines_models > 0 && !take_recorded_factor()) measure_factor();
  sweep();
}

bool MergeEngine::take_recorded_factor() {
  if (!context_.recorded.factor) return false;
  context_.lines.set(*context_.recorded.factor);
  return true;
}

void MergeEngine::measure_factor() {
  context_.measuring = true;
  sweep();
  context_.lines.settle(context_.comm);
  context_.measuring = false;
  direct_methods_.clear();
  direct_methods_.resize(context_.plan.groups.size());
  remarks_.clear();
  // Before any unit is written: with units that are done, the factor could not be measured again.
  comm::agree(context_.comm, [&] {
    if (!context_.comm.is_root()) return;
    ByteWriter factor;
    factor.real(context_.lines.value());
    context_.journal.add({io::EntryType::factor, 0, factor.take()});
    context_.journal.flush([] {});
  });
}

/// Ends this rank's part if a worker left something undone because somebody wants the program to stop.
void MergeEngine::end_if_stopped() const {
  if (!context_.stop.has_skipped()) return;
  throw Error(ErrorKind::stopped,
              context_.stop.is_for_deadline() ? "stopped before the deadline" : "stopped on request")
      .hint("the same command line goes on from here");
}

void MergeEngine::sweep() {
  for (const plan::Wave& wave : work_.shared) run_shared(wave);
  comm::agree_on_work(context_.comm, [&] {
    for (auto wave = work_.local.begin(); wave != work_.local.end(); ++wave) {
      run_local(*wave, wave + 1 == work_.local.end() ? nullptr : &*(wave + 1));
    }
    merge_direct(work_.direct);
    end_if_stopped();
  });
}

void MergeEngine::run_shared(const plan::Wave& wave) {
  WaveRun run(context_, wave, kept_.bytes(), counters_.as<std::uint64_t>(0, wave_counters(context_.plan, wave)));
  run.replay(true);
  while (run.next_pass()) {
    comm::agree_on_work(context_.comm, [&] {
      run.observe();
      end_if_stopped();
    });
    run.combine();
    comm::agree_on_work(context_.comm, [&] { run.conclude(context_.comm.is_root() && records_passes()); });
  }
  comm::agree_on_work(context_.comm, [&] {
    run.merge();
    end_if_stopped();
  });
  if (context_.comm.is_root()) {
    for (std::string& remark : run.remarks()) remarks_.push_back(std::move(remark));
  }
}

void MergeEngine::run_local(const plan::Wave& wave, const plan::Wave* next) {
  if (context_.comm.alarmed()) return;
  WaveRun run(context_, wave, kept_.bytes(), counters_.as<std::uint64_t>(0, wave_counters(context_.plan, wave)));
  run.replay(false);
  while (run.next_pass()) {
    run.observe();
    end_if_stopped();
    if (context_.comm.alarmed()) return;
    run.conclude(records_passes());
    if (context_.comm.alarmed()) return;
  }
  run.merge(next);
  end_if_stopped();
  for (std::string& remark : run.remarks()) remarks_.push_back(std::move(remark));
}

void MergeEngine::merge_direct(const std::vector<std::uint32_t>& units) {
  if (context_.comm.alarmed()) return;
  const Strips strips(context_.plan, context_.schedule, units);
  context_.workers.run(strips.size(), [&](std::size_t w, std::size_t i) {
    const Strip strip = strips[i];
    if (context_.measuring && !context_.plan.tensors[strip.tensor].lines_offset) return;
    if (!context_.measuring && !context_.units.may_begin(strip)) return;
    Worker& worker = context_.per_worker[w];
    worker.clock.begin(strip);
    context_.advise(strips, i);
    const TensorSources sources(context_.plan, strip.tensor, context_.sources);
    const StoredParts parts = read_strip(context_, worker, strip, sources);
    merge_strip(context_, worker, strip, direct_method(strip.tensor), sources, parts);
  });
  for (std::size_t g = 0; g < direct_methods_.size(); ++g) {
    if (!direct_methods_[g]) continue;
    const auto& tensor = context_.plan.tensors[context_.plan.groups[g].tensors.front()].output.name;
    for (const std::string& remark : direct_methods_[g]->remarks()) remarks_.push_back(tensor + ": " + remark);
  }
}

const methods::Method* MergeEngine::direct_method(std::uint32_t tensor) {
  const plan::PlannedTensor& planned = context_.plan.tensors[tensor];
  if (planned.action == plan::Action::copy) return nullptr;
  const std::lock_guard lock(direct_mutex_);
  auto& method = direct_methods_[planned.group];
  if (!method) {
    const plan::Group& group = context_.plan.groups[planned.group];
    method = group.method->make(context_.plan.context[group.tensors.front()].settings, group.info);
  }
  return method.get();
}

}  // namespace stockpot::engine
