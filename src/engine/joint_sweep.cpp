#include "engine/joint_sweep.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "comm/agree.hpp"
#include "plan/waves.hpp"

namespace stockpot::engine {
namespace {

/// Where work begins in models of a family: the name of the first source's file, which they have in common, and the offset.
using FamilyPosition = std::pair<std::string_view, std::uint64_t>;

FamilyPosition position_of(const plan::MergePlan& plan, std::uint32_t tensor, std::uint64_t first_element) {
  const plan::Position begin = plan::position(plan, {.tensor = tensor, .range = {first_element, 0}});
  const std::string_view path = plan.models[begin.model].files[begin.file].path;
  return {path.substr(path.rfind('/') + 1), begin.byte};
}

FamilyPosition position_of(const MergeEngine& engine, const plan::Wave& wave) {
  const plan::MergePlan& plan = engine.context().plan;
  return position_of(plan, plan.groups[wave.groups.front()].tensors.front(), 0);
}

/// Calls run(engine, i) for the i-th wave of each engine, so that all get on through their models together: always for the wave
/// that begins first there.
template <class Run>
void take_turns(std::span<MergeEngine* const> engines, std::vector<plan::Wave> plan::RankWork::*waves, const Run& run) {
  std::vector<std::size_t> next(engines.size(), 0);
  while (true) {
    std::optional<std::pair<FamilyPosition, std::size_t>> first;
    for (std::size_t e = 0; e < engines.size(); ++e) {
      const auto& own = engines[e]->work().*waves;
      if (next[e] == own.size()) continue;
      const std::pair<FamilyPosition, std::size_t> candidate{position_of(*engines[e], own[next[e]]), e};
      if (!first || candidate.first < first->first) first = candidate;
    }
    if (!first) return;
    const std::size_t e = first->second;
    run(*engines[e], next[e]++);
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
        const Key key = key_of(e, strips.bundle(b));
        const auto [found, is_new] = task_of.emplace(key, tasks_.size());
        if (is_new) tasks_.push_back({key.first, {}});
        tasks_[found->second].members.push_back({e, b});
      }
    }
    const auto has_waves = [](const MergeEngine* engine) { return !engine->work().local.empty(); };
    if (std::ranges::any_of(engines, has_waves)) std::ranges::stable_sort(tasks_, {}, &Task::position);
  }

  /// Main thread. What begins before `end`, if anything, and has not been merged yet; all the rest without `end`.
  void merge_up_to(const std::optional<FamilyPosition>& end) {
    const std::size_t first = next_;
    while (next_ < tasks_.size() && (!end || tasks_[next_].position < *end)) ++next_;
    if (first == next_) return;
    engines_.front()->context().workers.run(next_ - first, [&](std::size_t worker, std::size_t i) {
      for (const auto& [engine, bundle] : tasks_[first + i].members)
        engines_[engine]->merge_direct(worker, runs_[engine], bundle);
    });
  }

 private:
  /// Where a bundle begins, and elements of all its strips.
  using Key = std::pair<FamilyPosition, std::uint64_t>;
  struct Member {
    std::size_t engine, bundle;
  };
  struct Task {
    FamilyPosition position;
    std::vector<Member> members;  // for a worker, one after the other
  };

  Key key_of(std::size_t engine, Bundle bundle) const {
    const Strips& strips = runs_[engine].strips;
    std::uint64_t elements = 0;
    for (std::size_t i = bundle.first; i < bundle.end; ++i) elements += strips[i].range.count;
    const Strip begin = strips[bundle.first];
    return {position_of(engines_[engine]->context().plan, begin.tensor, begin.range.first), elements};
  }

  std::span<MergeEngine* const> engines_;
  std::deque<DirectRun> runs_;  // by engine; they stay where they are
  std::vector<Task> tasks_;     // bundles of one key
  std::size_t next_ = 0;        // the first task that was not begun
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
    DirectWork direct(engines);
    take_turns(engines, &plan::RankWork::local, [&](MergeEngine& engine, std::size_t i) {
      const std::vector<plan::Wave>& waves = engine.work().local;
      if (!comm.alarmed()) direct.merge_up_to(position_of(engine, waves[i]));
      engine.run_local(waves[i], i + 1 < waves.size() ? &waves[i + 1] : nullptr);
    });
    if (!comm.alarmed()) direct.merge_up_to(std::nullopt);
    engines.front()->end_if_stopped();
  });
}

}  // namespace stockpot::engine
