// All stages of a recipe, from planning to the published output: one after the other, or in one sweep.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "engine/merge_job.hpp"
#include "engine/stage_planner.hpp"

namespace stockpot::engine {

struct StagePlaces {
  std::string out;                          ///< of the document without name; may be empty if there is none
  std::optional<std::string> recipe;        ///< its file, if it is one: no output may hold it
  std::optional<std::string> intermediate;  ///< folder that keeps named stages; nothing: under the staging directory
  bool reuse = true;                        ///< stages that are there already, made of the same, are not made again
  bool keep = true;                         ///< named stages in `intermediate` stay
  bool overwrite = false;                   ///< an existing output is replaced
  std::optional<std::string> only;          ///< name of the only stage that is wanted, with what it needs
};

/// What is said of each stage, on every rank.
struct StageReport {
  const Stage* stage = nullptr;
  const plan::Schedule* schedule = nullptr;  ///< nullptr: the stage was there already
  std::string directory;
  JobSummary summary;
};

struct JobSettings {
  StageOptions stages;
  StagePlaces places;
  JobOptions options;
  /// From the document's extensions.
  std::function<plan::ScheduleOptions(const recipe::MergeDocument&)> schedule;
  std::function<void(const Stage&, const recipe::MergeDocument&, const plan::Schedule&)>
      on_planned;  ///< before work begins, and again where its models came into being since
  std::function<void(const std::string&)> on_remark;  ///< about what lies there already; rank 0. May be said twice
  /// The text of options.trace, on rank 0, when all is published.
  std::function<void(const std::string&)> on_traced;
  std::function<void(const StageReport&)> on_finished;
};

/// Indices of the documents that a job has to make, in order. @throws Error(recipe) for STG006 and unknown `only`.
std::vector<std::size_t> stages_to_make(const recipe::Recipe& recipe, const StagePlaces& places);

/// How many stages from the first one on can be made in one sweep: none uses another, all work with the same memory and threads.
/// The final stage is made alone, for its staging directory may hold the others; so is each if a trace is wanted, which tells
/// stages apart by the time.
std::size_t stages_together(const recipe::Recipe& recipe, std::span<const Stage> stages, const JobSettings& settings);

/// Collective. Plans every stage first, so that a mistake in the last shows before the first is made.
void run_job(const comm::Communicator& comm, const recipe::Recipe& recipe, const io::SearchPlaces& search,
             const JobSettings& settings);

}  // namespace stockpot::engine
