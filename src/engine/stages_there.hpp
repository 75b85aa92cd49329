// Where the stages of a job lie, and which of them are there: made by an earlier job, by this one, or by another program.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>

#include "comm/communicator.hpp"
#include "engine/job.hpp"
#include "engine/stage.hpp"
#include "engine/stage_place.hpp"

namespace stockpot::engine {

class StagesThere {
 public:
  StagesThere(const comm::Communicator& comm, const recipe::Recipe& recipe, const JobSettings& settings)
      : comm_(comm), recipe_(recipe), places_(settings.places), reliability_(settings.options.reliability) {}

  /// Where the stage is to go, or the final output. @pre for a stage without a place of its own: collect_in() was called
  std::string directory_of(const Stage& stage) const;
  /// Stages for which no place was given go here.
  void collect_in(std::string directory) { collected_in_ = std::move(directory); }

  /// Collective. Before the work begins: whether a stage lies in the place that was given for it, if one was.
  Found find_before(const Stage& stage) const;
  /// Collective. The same once work has begun. What another program put there since is in the way: no plan knows of it.
  Found find_now(const Stage& stage) const;
  /// From now on it is known that the stage is there.
  void add(const Stage& stage, Found how) { there_[stage.name] = how; }
  bool has(const Stage& stage) const { return there_.contains(stage.name); }

  /// To what lies beside a stage. @pre what holds the stages is locked, unless they have a place of their own
  io::LockClaim claim() const { return {reliability_.break_lock, !places_.intermediate}; }
  /// Local. Before the first stage is made: what lies, or is staged, where stages are to go and is not theirs.
  /// @throws Error as engine::refuse_foreign() (OUT001) and refuse_other_merge() (RES001).
  void refuse_foreign(std::span<const Stage> stages) const;
  /// Local. What the user has to know before the stage is made: it takes the place of one that is not known to be of this recipe.
  std::optional<std::string> warning_of_replacement(const Stage& stage) const;
  /// Collective. Those that were made for others alone, if they are not to be kept.
  void remove_intermediates(std::span<const Stage> stages) const;

 private:
  Found find(const Stage& stage) const;
  bool is_intermediate(const Stage& stage) const;

  const comm::Communicator& comm_;
  const recipe::Recipe& recipe_;
  const StagePlaces& places_;
  const ReliabilityOptions& reliability_;
  std::string collected_in_;
  std::map<std::string, Found> there_;  // by name
};

}  // namespace stockpot::engine
