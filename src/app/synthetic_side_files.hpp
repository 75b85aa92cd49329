// What stands beside the weights of a synthetic checkpoint, so that it looks like a model from a hub.
#pragma once

#include <string>

#include "core/architectures.hpp"
#include "core/dtype.hpp"

namespace stockpot::app {

/// Writes config.json, generation_config.json, tokenizer.json and tokenizer_config.json into a directory.
void write_side_files(const std::string& directory, const Architecture& architecture, DType dtype);

}  // namespace stockpot::app
