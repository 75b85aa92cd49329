// Reads documents that have `experts`.
#pragma once

#include <string>
#include <vector>

#include "recipe/fields.hpp"
#include "recipe/moe.hpp"

namespace stockpot::recipe {

/// The keys of such a document beside those that every document may have.
extern const std::vector<std::string> moe_keys;

/// Reads and checks all that needs no model. Reports MOE001 to MOE004, MOE006, MOE007, MOE010 and MOE011, and what
/// references and values report.
MoeRequest read_moe(const Fields& fields, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
