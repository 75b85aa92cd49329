// Attention blocks of Zamba and Zamba2 that several layers share. A file has each once, in the first layer that uses it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/json_text.hpp"

namespace stockpot::io {

/// @param object  of config.json, of the input: with a list of the layers' kinds; Zamba2's with `num_mem_blocks`.
/// @param from    by output layer, the layer that it comes from.
/// @return why a model of these layers would lack some block or some adapter of it; empty if it would not, or if there are
///         no shared blocks.
std::string missing_shared_blocks(const JsonText& object, const std::vector<std::uint64_t>& from);

/// Whether some block comes along more than once: it depends on the reader which one counts.
bool has_shared_block_twice(const JsonText& object, const std::vector<std::uint64_t>& from);

}  // namespace stockpot::io
