#include "engine/merge_engine.hpp"

#include "comm/agree.hpp"
#include "core/bytes.hpp"
#include "core/error.hpp"
#include "engine/strip_merger.hpp"
#include "engine/wave_run.hpp"

namespace stockpot::engine {

MergeEngine::MergeEngine(EngineContext& context, bool takes_over)
    : context_(context),
      takes_over_(takes_over && context.comm.size() > 1),
      work_(plan::work_of(context.plan, context.schedule, static_cast<std::uint32_t>(context.comm.rank()))),
      direct_methods_(context.plan.groups.size()) {}

void MergeEngine::run() {
  find_factor();
  sweep();
}

void MergeEngine::find_factor() {
  if (context_.plan.lines_models > 0 && !take_recorded_factor()) measure_factor();
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
    context_.lines.refuse_nonfinite();
    if (!context_.comm.is_root()) return;
    ByteWriter factor;
    factor.real(context_.lines.value());
    context_.journal.add({io::EntryType::factor, 0, factor.take()});
    context_.journal.flush([this] { context_.lookout.look_around(); });
  });
}

void MergeEngine::end_if_stopped() const {
  if (context_.stop.has_skipped()) throw context_.lookout.stopped();
}

void MergeEngine::sweep() {
  for (const plan::Wave& wave : work_.shared) run_shared(wave);
  own_.emplace(context_.plan, context_.schedule, work_);
  // A sweep that measures ends with sums that each rank makes of its own units.
  if (takes_over_ && !context_.measuring) exchange_.emplace(context_.comm, *own_);
  comm::agree_on_work(context_.comm, [&] {
    run_own();
    run_parcels();
    end_if_stopped();
  });
  exchange_.reset();
}

void MergeEngine::serve_others() {
  if (exchange_) exchange_->serve();
}

void MergeEngine::run_own() {
  run_own_waves();
  merge_units(work_.direct, &*own_);
}

/// A wave's first pass begins while the one before it is merged: where all workers did the same at once, they would all
/// read, then all write, and wait for each other at one file's lock or one storage's link.
void MergeEngine::run_own_waves() {
  const plan::Wave* wave = own_->take_wave();
  std::unique_ptr<WaveRun> run, next;
  for (; wave != nullptr && !is_over(); run = std::move(next)) {
    if (!run) run = begin_local(*wave);
    if (!observe_all(*run, own_->coming_wave())) return;
    serve_others();
    const plan::Wave* coming = own_->coming_wave();
    const std::size_t stays_to_give = exchange_ ? 1 : 0;  // the last one, until it has to begin
    if (own_->waves_left() > stays_to_give && WaveRun::can_overlap(context_.plan, *wave, *coming)) {
      wave = own_->take_wave();
      next = begin_local(*wave);
    }
    if (next && next->next_pass()) {
      run->merge_beside(*next);
    } else {
      run->merge(coming);
    }
    own_->wave_is_over();
    take_remarks(*run);
    if (!next) wave = own_->take_wave();
  }
}

void MergeEngine::take_remarks(const WaveRun& run) {
  for (std::string& remark : run.remarks()) remarks_.push_back(std::move(remark));
}

std::unique_ptr<WaveRun> MergeEngine::begin_local(const plan::Wave& wave) {
  auto run = std::make_unique<WaveRun>(context_, wave);
  run->replay(false);
  return run;
}

bool MergeEngine::observe_all(WaveRun& run, const plan::Wave* next) {
  while (run.next_pass()) {
    run.observe(next);
    if (is_over()) return false;
    run.conclude(records_passes());
    if (is_over()) return false;
  }
  return true;
}

void MergeEngine::run_parcels() {
  if (!exchange_) return;
  while (const auto parcel = exchange_->next_parcel()) {
    const std::uint64_t before = context_.units.units_done();
    for (const plan::Wave& wave : parcel->waves) run_local(wave, nullptr);
    merge_units(parcel->direct, nullptr);
    units_taken_over_ += context_.units.units_done() - before;
  }
}

void MergeEngine::run_shared(const plan::Wave& wave) {
  WaveRun run(context_, wave);
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
  if (context_.comm.is_root()) take_remarks(run);
}

void MergeEngine::run_local(const plan::Wave& wave, const plan::Wave* next) {
  if (is_over()) return;
  const auto run = begin_local(wave);
  if (!observe_all(*run, next)) return;
  run->merge(next);
  take_remarks(*run);
}

void MergeEngine::merge_units(const std::vector<std::uint32_t>& units, OwnWork* own) {
  if (is_over()) return;
  DirectRun run(context_, units);
  std::function<bool(std::size_t)> wanted;
  if (own != nullptr) wanted = [own](std::size_t place) { return own->may_begin(place); };
  context_.workers.run(run.strips.bundles(), [&](std::size_t w, std::size_t b) { merge_direct(w, run, b, wanted); });
}

void MergeEngine::merge_direct(std::size_t w, DirectRun& run, std::size_t b,
                               const std::function<bool(std::size_t place)>& wanted) {
  std::vector<Strip> strips = run.strips.strips_of(run.strips.bundle(b));
  std::erase_if(strips, [&](const Strip& strip) {
    if (wanted && !wanted(strip.place)) return true;
    if (context_.measuring && !context_.plan.tensors[strip.tensor].lines_offset) return true;
    return !context_.may_begin(strip);
  });
  if (strips.empty()) return;
  Worker& worker = context_.per_worker[w];
  worker.clock.begin(strips.front());
  const std::vector<OpenStrip> opened = open_strips(context_, strips, worker.buffers.stored());
  read_strips(context_, all_of(opened), worker.held, run.ahead, b);
  MergedStrips merged(context_, worker, opened.size());
  for (const OpenStrip& open : opened) merged.add(open, {.method = direct_method(open.strip.tensor)});
  merged.write();
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

std::vector<std::string> MergeEngine::remarks() const {
  std::vector<std::string> all = remarks_;
  for (std::size_t g = 0; g < direct_methods_.size(); ++g) {
    if (!direct_methods_[g]) continue;
    const auto& tensor = context_.plan.tensors[context_.plan.groups[g].tensors.front()].output.name;
    for (const std::string& remark : direct_methods_[g]->remarks()) all.push_back(tensor + ": " + remark);
  }
  return all;
}

}  // namespace stockpot::engine
