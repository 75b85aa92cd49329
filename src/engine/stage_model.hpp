// A stage as the model that later documents read: what is planned of it, and what lies there once it is made.
#pragma once

#include <string>

#include "engine/model_shelf.hpp"
#include "engine/stage.hpp"

namespace stockpot::engine {

/// Local. What a planned stage is going to leave.   @param output  its small files.
ShelvedModel planned_model(const Stage& stage, io::ModelFolder output);

/// Local. What lies in `directory`.
/// @param made_of_this  it was made by this plan: what there is to say of it was said when it was planned.
/// @throws Error(corrupt_input) as io::read_catalogue().
ShelvedModel finished_model(const Stage& stage, const std::string& directory, bool made_of_this);

}  // namespace stockpot::engine
