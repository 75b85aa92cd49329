// What someone may have meant: for messages about names that were not found.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stockpot {

/// The candidates nearest to `word`, best two, as "did you mean 'x' or 'y'?", or "" if none is near. Near: a
/// Damerau-Levenshtein distance of at most max(1, length / 3), or one is a prefix of the other. Case is ignored, '-'
/// and '_' are equal. A candidate that is `word` itself says nothing and is passed over.
/// @param before  shown in front of each candidate: what they and the word have in common.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates,
                         std::string_view before = "");

}  // namespace stockpot
