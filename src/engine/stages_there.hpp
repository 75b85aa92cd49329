// Which stages of a job lie where they are to go: made by an earlier job, by this one, or by another program.
#pragma once

#include <map>
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
      : comm_(comm), recipe_(recipe), places_(settings.places), break_token_(settings.options.reliability.break_lock) {}

  /// Collective. Looks at a stage's place, unless it is known what is there.
  Found find(const Stage& stage, const std::string& directory) const;
  /// From now on it is known that the stage is there.
  void add(const Stage& stage, Found how) { there_[stage.name] = how; }
  bool has(const Stage& stage) const { return there_.contains(stage.name); }

  /// The place of a stage in `--intermediate-dir`. @pre there is one
  std::string directory_of(const Stage& stage) const;
  /// To what lies beside a stage. @pre what holds the stages is locked, unless they have a place of their own
  io::LockClaim claim() const { return {break_token_, !places_.intermediate}; }
  /// Local. Before the first stage is made. @throws Error(output_exists, OUT001) as engine::refuse_foreign().
  void refuse_foreign(std::span<const Stage> stages) const;
  /// Collective. Those that were made for others alone, if they are not to be kept.
  void remove_intermediates(std::span<const Stage> stages) const;

 private:
  bool is_intermediate(const Stage& stage) const;

  const comm::Communicator& comm_;
  const recipe::Recipe& recipe_;
  const StagePlaces& places_;
  const std::string& break_token_;
  std::map<std::string, Found> there_;  // by name
};

}  // namespace stockpot::engine
