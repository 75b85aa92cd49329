// Where the output of a stage comes to lie, and what lies there already.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/merge_job.hpp"
#include "engine/stage.hpp"
#include "io/publish.hpp"

namespace stockpot::engine {

io::OutputPlace place_of(const Stage& stage, const std::string& out, const JobOptions& options);

/// Local. What a stage in a place of its own is still going to take of the file system that `out` lies on.
std::uint64_t missing_bytes(const io::OutputPlace& stage, const std::string& out);
/// Where everything lies that planned stages read and none of them makes: models and adapters.
std::vector<std::string> places_of_inputs(std::span<const Stage> stages);

enum class Found { nothing, made_of_this, made_elsewhere };

/// Local. Whether the output of a stage before the last lies there already, in a format that its readers can read.
/// What a dead attempt left beside it is removed.
/// @param may_be_foreign  what another program made counts, too.
Found find_stage(const Stage& stage, const std::string& directory, bool may_be_foreign, const io::LockClaim& claim);

/// Local. Whether what lies there was made of the stage, as far as it is still there.
bool is_of(const Stage& stage, const std::string& directory);

/// Local. Whether a stage of that name lies there which was made of something else: by another recipe, or before this one was edited.
bool holds_other_stage(const Stage& stage, const std::string& directory);

/// Local. @throws Error(output_exists, OUT001) if something lies in the place of a stage that no merge made as the stage of that
/// name: a stage of an edited recipe is replaced, an output of its own is not.
void refuse_foreign(const Stage& stage, const std::string& directory);

/// Local. With what a dead attempt left beside it, and the folders of its name that it leaves empty. The output is there:
/// leftovers are no failure of the job.
void remove_stage(const std::string& place, const std::string& name, const io::LockClaim& claim);

}  // namespace stockpot::engine
