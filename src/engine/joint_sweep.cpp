#include "engine/joint_sweep.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <string_view>
#include <tuple>
#include <vector>

#include "comm/agree.hpp"

namespace stockpot::engine {
namespace {

/// Calls run(engine, i) for the i-th wave of each engine, then the next ones.
template <class Run>
void take_turns(std::span<MergeEngine* const> engines, std::vector<plan::Wave> plan::RankWork::*waves, const Run& run) {
  std::size_t most = 0;
  for (const MergeEngine* engine : engines) most = std::max(most, (engine->work().*waves).size());
  for (std::size_t i = 0; i < most; ++i) {
    for (MergeEngine* engine : engines) {
      if (i < (engine->work().*waves).size()) run(*engine, i);
    }
  }
}

/// The direct units of several engines: those that read the same are one bundle.
class Bundles {
 public:
  explicit Bundles(std::span<MergeEngine* const> engines) : engines_(engines), first_strip_{0} {
    std::map<Key, std::size_t> bundle_of;
    for (std::size_t e = 0; e < engines.size(); ++e) {
      const EngineContext& context = engines[e]->context();
      runs_.emplace_back(context, engines[e]->work().direct);
      for (std::size_t place = 0; place < engines[e]->work().direct.size(); ++place) {
        const auto [found, is_new] = bundle_of.emplace(key_of(e, place), bundles_.size());
        if (is_new) bundles_.emplace_back();
        bundles_[found->second].push_back({e, place});
      }
    }
    for (const auto& bundle : bundles_) first_strip_.push_back(first_strip_.back() + strips_of(bundle.front()));
  }

  std::size_t strips() const { return first_strip_.back(); }

  /// Worker threads. The i-th strip of all bundles, for every engine that has it.
  void merge(std::size_t worker, std::size_t i) {
    const auto after = std::upper_bound(first_strip_.begin(), first_strip_.end(), i);
    const auto b = static_cast<std::size_t>(after - first_strip_.begin()) - 1;
    for (const auto& [engine, place] : bundles_[b]) {
      DirectRun& run = runs_[engine];
      engines_[engine]->merge_direct(worker, run, run.strips.first_of(place) + i - first_strip_[b]);
    }
  }

 private:
  /// Of the first source: file, and where it begins; elements and strips of the unit.
  using Key = std::tuple<std::string_view, std::uint64_t, std::uint64_t, std::size_t>;
  struct Member {
    std::size_t engine, place;
  };

  std::size_t strips_of(Member member) const {
    return runs_[member.engine].strips.first_of(member.place + 1) - runs_[member.engine].strips.first_of(member.place);
  }

  Key key_of(std::size_t engine, std::size_t place) const {
    const EngineContext& context = engines_[engine]->context();
    const plan::Unit& unit = context.schedule.units[engines_[engine]->work().direct[place]];
    const plan::SourceTensor first = context.plan.tensors[unit.tensor].sources.front();
    const Catalogue& model = context.plan.models[first.model];
    const StoredTensor& stored = model.tensors[first.tensor];
    return {model.files[stored.file].path, stored.offset + context.plan.read_bytes(first, unit.range.first),
            unit.range.count, strips_of({engine, place})};
  }

  std::span<MergeEngine* const> engines_;
  std::deque<DirectRun> runs_;  // by engine; they stay where they are
  std::vector<std::vector<Member>> bundles_;
  std::vector<std::size_t> first_strip_;  // of each bundle; one more at the end
};

std::vector<std::string_view> directories_of(const MergeEngine* engine) {
  std::vector<std::string_view> directories;
  for (const Catalogue& model : engine->context().plan.models) directories.push_back(model.directory);
  return directories;
}

}  // namespace

void run_together(const comm::Communicator& comm, std::vector<MergeEngine*> engines) {
  if (engines.size() == 1) return engines.front()->run();
  // Memory holds what was read last: who reads the same comes next.
  std::ranges::stable_sort(engines, {}, directories_of);
  for (MergeEngine* engine : engines) engine->find_factor();
  take_turns(engines, &plan::RankWork::shared,
             [](MergeEngine& engine, std::size_t i) { engine.run_shared(engine.work().shared[i]); });
  comm::agree_on_work(comm, [&] {
    take_turns(engines, &plan::RankWork::local, [](MergeEngine& engine, std::size_t i) {
      const std::vector<plan::Wave>& waves = engine.work().local;
      engine.run_local(waves[i], i + 1 < waves.size() ? &waves[i + 1] : nullptr);
    });
    if (!comm.alarmed()) {
      Bundles bundles(engines);
      engines.front()->context().workers.run(bundles.strips(),
                                             [&](std::size_t worker, std::size_t i) { bundles.merge(worker, i); });
    }
    engines.front()->end_if_stopped();
  });
}

}  // namespace stockpot::engine
