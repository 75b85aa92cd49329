// Lists of a config.json about layers, when the output has others: an entry for each, numbers of some, or what is repeated
// over all of them. In all of this `from` has for each output layer the one that it comes from.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "io/json_text.hpp"

namespace stockpot::io {

/// The entries of the layers that the output has, or nothing if the list lacks one of them.
std::optional<JsonText::Array> entries_from(const JsonText::Array& of_layers, const std::vector<std::uint64_t>& from);

/// The output's layers that come from those in the list. @param layers  that the model had.   @param first  what layer 0 is
/// called. @return nothing if the list holds something else than layers, or the output has one that the model had not.
std::optional<JsonText::Array> numbers_after(const JsonText::Array& list, std::uint64_t layers,
                                             const std::vector<std::uint64_t>& from, std::uint64_t first = 0);

/// ["recurrent", "recurrent", "attention"] of RecurrentGemma, [[["global", "local"], 12]] of GPT-Neo: as it is if it says the
/// same of the output's layers, else written out. @return nothing if it is no such pattern, or has no such layer.
std::optional<JsonText::Array> pattern_after(const JsonText::Array& pattern, std::uint64_t layers,
                                             const std::vector<std::uint64_t>& from);

}  // namespace stockpot::io
