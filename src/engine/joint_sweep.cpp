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

/// The direct units of several engines: a worker takes bundles that read the same one after the other.
class DirectWork {
 public:
  explicit DirectWork(std::span<MergeEngine* const> engines) : engines_(engines) {
    std::map<Key, std::size_t> task_of;
    for (std::size_t e = 0; e < engines.size(); ++e) {
      const Strips& strips = runs_.emplace_back(engines[e]->context(), engines[e]->work().direct).strips;
      for (std::size_t b = 0; b < strips.bundles(); ++b) {
        const auto [found, is_new] = task_of.emplace(key_of(e, strips.bundle(b)), tasks_.size());
        if (is_new) tasks_.emplace_back();
        tasks_[found->second].push_back({e, b});
      }
    }
  }

  std::size_t tasks() const { return tasks_.size(); }

  /// Worker threads. For every engine that has a part in it.
  void merge(std::size_t worker, std::size_t task) {
    for (const auto& [engine, bundle] : tasks_[task]) engines_[engine]->merge_direct(worker, runs_[engine], bundle);
  }

 private:
  /// Of the first source of a bundle's first strip: file, and where it begins; elements of all strips.
  using Key = std::tuple<std::string_view, std::uint64_t, std::uint64_t>;
  struct Member {
    std::size_t engine, bundle;
  };

  Key key_of(std::size_t engine, Bundle bundle) const {
    const plan::MergePlan& plan = engines_[engine]->context().plan;
    const Strips& strips = runs_[engine].strips;
    const Strip begin = strips[bundle.first];
    const plan::SourceTensor first = plan.tensors[begin.tensor].sources.front();
    const Catalogue& model = plan.models[first.model];
    const StoredTensor& stored = model.tensors[first.tensor];
    std::uint64_t elements = 0;
    for (std::size_t i = bundle.first; i < bundle.end; ++i) elements += strips[i].range.count;
    return {model.files[stored.file].path, stored.offset + plan.read_bytes(first, begin.range.first), elements};
  }

  std::span<MergeEngine* const> engines_;
  std::deque<DirectRun> runs_;              // by engine; they stay where they are
  std::vector<std::vector<Member>> tasks_;  // bundles of one key
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
      DirectWork direct(engines);
      engines.front()->context().workers.run(direct.tasks(),
                                             [&](std::size_t worker, std::size_t task) { direct.merge(worker, task); });
    }
    engines.front()->end_if_stopped();
  });
}

}  // namespace stockpot::engine
