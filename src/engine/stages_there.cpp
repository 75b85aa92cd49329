#include "engine/stages_there.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "comm/agree.hpp"
#include "engine/staged_plan.hpp"
#include "recipe/stages.hpp"

namespace stockpot::engine {

std::string StagesThere::directory_of(const Stage& stage) const {
  if (stage.name.empty()) return places_.out;
  return (std::filesystem::path(places_.intermediate.value_or(collected_in_)) / stage.name).string();
}

Found StagesThere::find_before(const Stage& stage) const {
  return !stage.name.empty() && places_.intermediate ? find(stage) : Found::nothing;
}

Found StagesThere::find_now(const Stage& stage) const {
  if (stage.name.empty()) return Found::nothing;
  const Found found = find(stage);
  return found == Found::made_elsewhere && !has(stage) ? Found::nothing : found;
}

/// Collective. Looks at a stage's place, unless it is known what is there.
Found StagesThere::find(const Stage& stage) const {
  if (const auto known = there_.find(stage.name); known != there_.end()) return known->second;
  const std::string answer = comm::on_root(comm_, [&] {
    const bool has_place = places_.intermediate.has_value();
    if (has_place && !places_.reuse) return std::string();
    return std::string(1, static_cast<char>(find_stage(stage, directory_of(stage), has_place, claim())));
  });
  return answer.empty() ? Found::nothing : static_cast<Found>(answer.front());
}

void StagesThere::refuse_foreign(std::span<const Stage> stages) const {
  if (!places_.intermediate) return;
  for (const Stage& stage : stages) {
    if (stage.name.empty() || has(stage)) continue;
    if (!places_.overwrite) engine::refuse_foreign(stage, directory_of(stage));
    if (reliability_.resume != Resume::never) refuse_other_merge_at(directory_of(stage), stage);
  }
}

std::optional<std::string> StagesThere::warning_of_replacement(const Stage& stage) const {
  if (stage.name.empty() || !places_.intermediate || has(stage)) return std::nullopt;
  const std::string directory = directory_of(stage);
  if (!holds_other_stage(stage, directory)) return std::nullopt;
  return fmt::format(
      "STG009: {} holds a stage '{}' that was made of something else, and that is going to be replaced: another "
      "--intermediate-dir keeps it",
      directory, stage.name);
}

void StagesThere::remove_intermediates(std::span<const Stage> stages) const {
  comm::agree(comm_, [&] {
    if (!comm_.is_root() || places_.keep || !places_.intermediate) return;
    for (const Stage& stage : stages) {
      if (is_intermediate(stage)) remove_stage(*places_.intermediate, stage.name, claim());
    }
  });
}

/// Whether a stage was made for others alone: it is not what is wanted itself, nor what somebody else put there. Of one that nobody
/// needed any more there may be a rest: whoever was removing it was killed.
bool StagesThere::is_intermediate(const Stage& stage) const {
  if (places_.only == stage.name || !recipe::is_read_by_others(recipe_.documents[stage.document], recipe_.documents))
    return false;
  const auto found = there_.find(stage.name);
  return found != there_.end() ? found->second == Found::made_of_this : is_of(stage, directory_of(stage));
}

}  // namespace stockpot::engine
