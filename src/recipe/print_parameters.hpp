// `parameters:` written back.
#pragma once

#include "recipe/parameters.hpp"
#include "recipe/yaml_writer.hpp"

namespace stockpot::recipe {

/// Writes the key `parameters` and its values, if there are any.
void write_parameters(YamlWriter& out, const Parameters& parameters);

}  // namespace stockpot::recipe
