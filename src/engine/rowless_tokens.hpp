// Tokens that an output has no rows for, where the vocabulary of its files is not that of its embedding.
#pragma once

#include <cstdint>
#include <optional>

#include "core/remark.hpp"
#include "io/model_folder.hpp"

namespace stockpot::engine {

/// Local. TOK013, a warning, if the output's files name ids that its embedding has no rows for: special tokens of
/// config.json and generation_config.json, and tokens of a tokenizer.json that is copied. A file that cannot be read for
/// what it says is passed over: it is copied all the same.
/// @param rows  of the output's embedding.
std::optional<Remark> rowless_tokens(const io::ModelFolder& output, std::uint64_t rows);

}  // namespace stockpot::engine
