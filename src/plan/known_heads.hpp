// What architectures call a head that no model at hand stores.
#pragma once

#include <string_view>

namespace stockpot::plan {

/// @param architecture  as config.json calls it: "LlamaForCausalLM".
/// @param embedding     the tensor that the head is tied to, with its whole name.
/// @return empty if it is not known, or if the architecture has no head: encoders and classifiers.
std::string_view known_head(std::string_view architecture, std::string_view embedding);

}  // namespace stockpot::plan
