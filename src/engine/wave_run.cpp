#include "engine/wave_run.hpp"

#include <algorithm>

#include "core/bytes.hpp"
#include "engine/strip_observer.hpp"
#include "engine/wave_overlap.hpp"
#include "plan/waves.hpp"

namespace stockpot::engine {

WaveRun::WaveRun(EngineContext& context, const plan::Wave& wave)
    : context_(context),
      wave_(wave),
      strips_(context.plan, context.schedule, wave.units, wave.keep_units),
      is_loaded_(strips_.size(), 0),
      pending_(context.workers.size()) {
  for (const std::uint32_t g : wave.groups) {
    const plan::Group& group = context.plan.groups[g];
    const methods::OutputTensor& first = context.plan.context[group.tensors.front()];
    place_of_group_.emplace(g, members_.size());
    members_.push_back({group.method->make(first.settings, group.info), nullptr, 0});
  }
  const auto unit = [&](std::size_t place) -> const plan::Unit& { return context.schedule.units[wave.units[place]]; };
  std::uint64_t at = 0;
  for (std::size_t place = 0; place < wave.note_units; ++place) {
    notes_at_.push_back(at);
    at += plan::unit_note_bytes(context.plan, context.schedule, unit(place));
  }
  std::vector<std::uint64_t> layout;
  for (std::size_t b = 0; b < strips_.bundles(); ++b) {
    if (strips_[strips_.bundle(b).first].place >= wave.keep_units) break;
    layout.push_back(at);
    at += strips_.stored_bytes(b);
  }
  kept_ = context.kept.begin(std::move(layout));
}

WaveRun::~WaveRun() { context_.kept.end(std::move(kept_)); }

void WaveRun::replay(bool shared) {
  for (std::size_t place = 0; place < members_.size(); ++place) {
    Member& member = members_[place];
    const plan::Group& group = context_.plan.groups[wave_.groups[place]];
    if (group.needs.gathers) continue;
    while (const auto shape = member.method->next_pass()) {
      const auto totals =
          context_.recorded.read(context_.comm, shared, {wave_.groups[place], member.passes}, *shape, group);
      if (!totals) break;
      const auto workspace = context_.workspace.hold(group.needs.workspace_bytes);
      member.method->conclude(totals->view());
      member.may_note = false;
      ++member.passes;
    }
  }
}

bool WaveRun::next_pass() {
  if (pass_is_set_up_) return true;
  bool wanted = false;
  std::span<std::uint64_t> left = context_.wave_counters;
  for (std::size_t place = 0; place < members_.size(); ++place) {
    Member& member = members_[place];
    member.tally.reset();
    const auto shape = member.method->next_pass();
    if (!shape) continue;
    wanted = true;
    member.tally =
        std::make_unique<GroupTally>(context_.plan.groups[wave_.groups[place]], *shape, left.first(shape->counts));
    left = left.subspan(shape->counts);
  }
  used_counters_ = context_.wave_counters.first(context_.wave_counters.size() - left.size());
  pass_is_set_up_ = wanted;
  observed_ = 0;
  return wanted;
}

void WaveRun::observe(const plan::Wave* next) {
  ReadAhead ahead(context_, strips_);
  const Strips coming = strips_of(reads_no_more() ? next : nullptr);
  const std::size_t first = observed_;
  context_.workers.run(strips_.bundles() - first, [&](std::size_t w, std::size_t b) {
    if (b < coming.bundles()) context_.advise(coming, b);
    observe_bundle(w, first + b, ahead);
  });
  for (std::size_t w = 0; w < pending_.size(); ++w) flush(w);
}

bool WaveRun::reads_no_more() const {
  return kept_.layout.size() == strips_.bundles() && std::ranges::find(is_loaded_, 0) == is_loaded_.end();
}

Strips WaveRun::strips_of(const plan::Wave* wave) const {
  return {context_.plan, context_.schedule, wave == nullptr ? std::span<const std::uint32_t>() : wave->units};
}

template <class Wants>
std::vector<OpenStrip> WaveRun::read(Worker& worker, std::size_t b, ReadAhead& ahead, const Wants& wants) {
  const Bundle bundle = strips_.bundle(b);
  const std::vector<Strip> strips = strips_.strips_of(bundle);
  std::vector<std::uint8_t> is_wanted;
  for (const Strip& strip : strips) is_wanted.push_back(wants(strip) ? 1 : 0);
  if (std::ranges::find(is_wanted, 1) == is_wanted.end()) return {};
  worker.clock.begin(strips.front());
  const auto memory = is_kept(b) ? context_.kept.memory().subspan(kept_.layout[b]) : worker.buffers.stored();
  std::vector<OpenStrip> opened = open_strips(context_, strips, memory);
  std::vector<const OpenStrip*> missing;
  for (std::size_t i = 0; i < opened.size(); ++i) {
    std::uint8_t& is_loaded = is_loaded_[bundle.first + i];
    if (is_wanted[i] == 0 || is_loaded != 0) continue;
    missing.push_back(&opened[i]);
    if (is_kept(b)) is_loaded = 1;
  }
  if (!missing.empty()) read_strips(context_, missing, is_kept(b) ? kept_.held[b] : worker.held, ahead, b);
  std::vector<OpenStrip> wanted;
  for (std::size_t i = 0; i < opened.size(); ++i) {
    if (is_wanted[i] != 0) wanted.push_back(std::move(opened[i]));
  }
  return wanted;
}

void WaveRun::observe_bundle(std::size_t w, std::size_t b, ReadAhead& ahead) {
  if (!context_.may_look()) return;
  Worker& worker = context_.per_worker[w];
  const std::vector<OpenStrip> opened = read(worker, b, ahead, [&](const Strip& strip) {
    const Member& member = member_of(strip.tensor);
    return member.tally && member.method->wants(context_.plan.context[strip.tensor], strip.range);
  });
  for (const OpenStrip& open : opened) {
    Member& member = member_of(open.strip.tensor);
    worker.clock.enter(Phase::observe);
    if (opened.size() > 1) worker.clock.show(open.strip);
    observe_strip(context_, worker, open, method_of(open.strip, member), *member.tally, counts_for(w, *member.tally));
  }
}

std::span<std::uint64_t> WaveRun::counts_for(std::size_t w, GroupTally& tally) {
  Pending& pending = pending_[w];
  if (pending.tally == &tally) return pending.counts;
  flush(w);
  pending = {&tally, context_.per_worker[w].buffers.counts().first(tally.shape().counts)};
  std::fill(pending.counts.begin(), pending.counts.end(), 0);
  return pending.counts;
}

void WaveRun::flush(std::size_t w) {
  Pending& pending = pending_[w];
  if (pending.tally != nullptr) pending.tally->add_counts(pending.counts);
  pending = {};
}

methods::Notes WaveRun::notes_of(const Strip& strip, const Member& member) const {
  const std::uint64_t plane = plan::note_plane_bytes(context_.plan, strip.tensor, strip.range.count);
  if (plane == 0 || strip.place >= wave_.note_units || !member.may_note) return {};
  const std::uint64_t before =
      plan::unit_note_bytes(context_.plan, strip.tensor, strip.range.first - strip.unit.first, chunk_bytes());
  const plan::Group& group = context_.plan.groups[context_.plan.tensors[strip.tensor].group];
  auto* const planes = reinterpret_cast<std::uint8_t*>(context_.kept.memory().data() + notes_at_[strip.place] + before);
  return {.planes = planes, .stride = plane, .bits = group.needs.note_bits};
}

StripMethod WaveRun::method_of(const Strip& strip, const Member& member) const {
  return {member.method.get(), notes_of(strip, member), member.inputs_are_finite};
}

WaveRun::Member& WaveRun::member_of(std::uint32_t tensor) {
  return members_[place_of_group_.at(context_.plan.tensors[tensor].group)];
}

void WaveRun::combine() {
  context_.comm.all_sum(used_counters_);
  const auto has_reals = [](const Member& member) { return member.tally && member.tally->has_reals(); };
  if (std::none_of(members_.begin(), members_.end(), has_reals)) return;  // alike on all ranks
  ByteWriter reals;
  for (const Member& member : members_) reals.text(member.tally ? member.tally->pack_reals() : "");
  const std::vector<std::string> parts = context_.comm.all_gather(reals.take());
  for (std::size_t rank = 0; rank < parts.size(); ++rank) {
    if (rank == static_cast<std::size_t>(context_.comm.rank())) continue;
    ByteReader in(parts[rank]);
    for (const Member& member : members_) {
      const std::string packed = in.text();
      if (member.tally) member.tally->merge_reals(packed);
    }
  }
}

void WaveRun::conclude(bool record) {
  pass_is_set_up_ = false;
  context_.workers.run(members_.size(), [&](std::size_t w, std::size_t place) {
    Member& member = members_[place];
    if (!member.tally) return;
    context_.per_worker[w].clock.enter(Phase::conclude);
    const std::uint32_t group = wave_.groups[place];
    const auto workspace = context_.workspace.hold(context_.plan.groups[group].needs.workspace_bytes);
    member.tally->with_totals(context_.plan, [&](const methods::Totals& totals) {
      if (record && is_worth_recording(context_.plan, context_.schedule, group, totals)) {
        context_.journal.pass_done(group, member.passes, pack_totals(totals));
      }
      member.inputs_are_finite |=
          member.tally->has_reals() && member.method->nonfinite_input() != methods::NonfiniteInput::counted;
      member.method->conclude(totals);
    });
    ++member.passes;
  });
}

void WaveRun::merge(const plan::Wave* next) {
  const Strips coming = strips_of(next);
  ReadAhead ahead(context_, strips_);
  context_.workers.run(strips_.bundles(), [&](std::size_t w, std::size_t b) {
    if (b < coming.bundles()) context_.advise(coming, b);
    merge_bundle(w, b, ahead);
  });
}

void WaveRun::merge_bundle(std::size_t w, std::size_t b, ReadAhead& ahead) {
  Worker& worker = context_.per_worker[w];
  const std::vector<OpenStrip> opened = read(worker, b, ahead, [&](const Strip& strip) {
    return !context_.schedule.units[strip.unit_index].done && context_.may_begin(strip);
  });
  MergedStrips merged(context_, worker, opened.size());
  for (const OpenStrip& open : opened) merged.add(open, method_of(open.strip, member_of(open.strip.tensor)));
  merged.write();
}

bool WaveRun::can_overlap(const plan::MergePlan& plan, const plan::Wave& wave, const plan::Wave& next) {
  constexpr std::uint64_t hardly_any = 1 << 16;  // bytes
  std::uint64_t state = 0;
  for (const plan::Wave* one : {&wave, &next}) {
    for (const std::uint32_t g : one->groups) {
      if (plan.groups[g].needs.note_bits > 0) return false;
      state += plan.groups[g].needs.state_bytes;
    }
  }
  return state <= hardly_any;
}

void WaveRun::merge_beside(WaveRun& next) {
  constexpr int most_between_two = 4;
  WaveOverlap overlap(kept_.layout, strips_.bundles(), next.ends_of_kept(), next.strips_.bundles());
  ReadAhead ahead(context_, strips_), ahead_of_next(context_, next.strips_);
  context_.workers.run(strips_.bundles(), [&](std::size_t w, std::size_t b) {
    merge_bundle(w, b, ahead);
    overlap.merged(b);
    for (int taken = 0; taken < most_between_two; ++taken) {  // between tasks somebody looks for alarms
      const auto coming = overlap.take();
      if (!coming) return;
      next.observe_bundle(w, *coming, ahead_of_next);
    }
  });
  next.observed_ = overlap.taken();
}

std::vector<std::uint64_t> WaveRun::ends_of_kept() const {
  std::vector<std::uint64_t> ends;
  for (std::size_t b = 0; b < kept_.layout.size(); ++b) ends.push_back(kept_.layout[b] + strips_.stored_bytes(b));
  return ends;
}

std::vector<std::string> WaveRun::remarks() const {
  std::vector<std::string> all;
  for (std::size_t place = 0; place < members_.size(); ++place) {
    const plan::Group& group = context_.plan.groups[wave_.groups[place]];
    for (const std::string& remark : members_[place].method->remarks()) {
      all.push_back(context_.plan.tensors[group.tensors.front()].output.name + ": " + remark);
    }
  }
  return all;
}

}  // namespace stockpot::engine
