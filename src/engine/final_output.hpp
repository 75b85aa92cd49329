// The place of a job's final output. It is taken before the first stage is made, and its staging directory holds the stages that
// have no place of their own.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/job.hpp"
#include "engine/stages_there.hpp"
#include "io/publish.hpp"

namespace stockpot::engine {

/// All functions are local; rank 0's has the staging directory.
class FinalOutput {
 public:
  FinalOutput(const JobSettings& settings, const StagesThere& there) : settings_(settings), there_(there) {}

  /// Rank 0. Checks the places of all stages, too.   @param inputs  that no output may take the place of.
  /// @return false if the output is there already, made of the same.
  /// @throws Error(output_exists) and others as io::Staging::open() and StagesThere::refuse_foreign().
  bool open(std::span<const Stage> stages, const std::vector<std::string>& inputs);

  /// Rank 0. For stages without a place of their own; empty if no final output is made.
  std::string stages_directory() const { return staging_ ? staging_->stages_directory() : ""; }
  /// Its turn has come.
  std::optional<io::Staging> take() { return std::exchange(staging_, std::nullopt); }
  /// The job failed before that. What is worth going on with stays.
  void end_failed();
  /// A sign of life for those who look at the lock.
  void refresh() const {
    if (staging_) staging_->refresh();
  }

  /// Stages were begun or finished: if they have no place of their own they are in its staging directory.
  void add_stages() { holds_stages_ = !settings_.places.intermediate; }
  bool holds_stages() const { return holds_stages_; }

 private:
  io::OutputPlace place_for(std::span<const Stage> stages, const Stage& last, std::vector<std::string> inputs) const;

  const JobSettings& settings_;
  const StagesThere& there_;
  std::optional<io::Staging> staging_;
  bool holds_stages_ = false;
};

}  // namespace stockpot::engine
