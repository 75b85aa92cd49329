// The part of a recipe file that one of its documents takes up.
#pragma once

#include <string_view>
#include <vector>

#include "recipe/recipe.hpp"

namespace stockpot::recipe {

/// Sets the `text` of each document: of a single one the whole file, byte for byte; of several what stands between the
/// lines that separate them, comments included. A document belongs where its content begins.
/// @param text        of the file, which was read as YAML.
/// @param documents   in the order of the file.
/// @param is_single   whether the file holds no other document.
void cut_texts(std::string_view text, std::vector<MergeDocument>& documents, bool is_single);

}  // namespace stockpot::recipe
