// The part of a recipe file that one of its documents takes up.
#pragma once

#include <string_view>
#include <vector>

#include "recipe/diagnostics.hpp"

namespace stockpot::recipe {

/// The text of each document: of a single one the whole file, byte for byte; of several what stands between the lines
/// that separate them, comments included. Reports a document that no such line separates from the one before (CFG002).
/// @param text    of the file, which was read as YAML.
/// @param begins  where the content of each document begins, in the order of the file.
std::vector<std::string_view> document_texts(std::string_view text, const std::vector<Position>& begins,
                                             Diagnostics& diagnostics);

}  // namespace stockpot::recipe
