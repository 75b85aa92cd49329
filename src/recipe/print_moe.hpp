// Experts, written back.
#pragma once

#include "recipe/moe.hpp"
#include "recipe/yaml_writer.hpp"

namespace stockpot::recipe {

/// Writes one reference as a value.
using WriteReference = void (*)(YamlWriter& out, const ModelReference& reference);

/// The keys of a document with experts, but for those that every document may have.
void write_moe(YamlWriter& out, const MoeRequest& moe, WriteReference write_reference);

}  // namespace stockpot::recipe
