// Whether the chunks of a tensor cover it, each element once.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "io/dcp_index.hpp"

namespace stockpot::io {

/// @param chunks  none empty, no two the same, each with as many dimensions as the tensor.
/// @return what is wrong, if anything.
std::optional<std::string> cover_mistake(const Shape& shape, std::span<const DcpChunk> chunks);

}  // namespace stockpot::io
