// Router rows from the embeddings of prompts.
#pragma once

#include <cstddef>
#include <vector>

#include "core/prompt_tokens.hpp"
#include "engine/source.hpp"

namespace stockpot::engine {

/// The direction that a router row points in: the sum of the embeddings of all tokens of the positive prompts, of length
/// 1, minus the same of the negative ones, of length 1 again. All in float64: tokens ascending by id, each times how often
/// it occurs; squares in order of column. Lengths below 1e-8 count as 1e-8, so that nothing is divided by zero.
/// @param embedding  of rows of `width` elements.
std::vector<double> prompt_row(const PromptTokens::Row& prompts, const Source& embedding, std::size_t width);

}  // namespace stockpot::engine
