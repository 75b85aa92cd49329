// The `stockpot:` block written back.
#pragma once

#include "recipe/extensions.hpp"
#include "recipe/yaml_writer.hpp"

namespace stockpot::recipe {

/// Writes the value of `stockpot`, with the defaults of all that has one.
void write_extensions(YamlWriter& out, const Extensions& extensions);

}  // namespace stockpot::recipe
