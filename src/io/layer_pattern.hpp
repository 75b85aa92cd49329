// Lists of a config.json that are repeated over the layers: ["recurrent", "recurrent", "attention"] of RecurrentGemma,
// [[["global", "local"], 12]] of GPT-Neo.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "io/json_text.hpp"

namespace stockpot::io {

/// The pattern of an output whose layers come from those in `from`: as it is if it says the same of them, else written
/// out. @param layers  that the model had. @return nothing if it is none, or does not know one of these layers.
std::optional<JsonText::Array> pattern_after(const JsonText::Array& pattern, std::uint64_t layers,
                                             const std::vector<std::uint64_t>& from);

}  // namespace stockpot::io
