// The settings of a LoRA adapter: adapter_config.json.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "core/adapter.hpp"

namespace stockpot::io {

/// Fills in what decides how an adapter is merged. Every other key is known to be without influence on that, has the
/// value that means "not used", or is refused: a variant that is ignored gives a plausible model that is wrong.
/// @param path  for messages.   @throws Error(corrupt_input, REF021) naming the key; REF020 if it is no object.
void read_adapter_config(const nlohmann::ordered_json& config, std::string_view path, Adapter& adapter);

}  // namespace stockpot::io
