// Reads documents that have `experts`.
#pragma once

#include <string>
#include <vector>

#include "recipe/extensions.hpp"
#include "recipe/fields.hpp"
#include "recipe/moe.hpp"

namespace stockpot::recipe {

/// The keys of such a document beside those that every document may have.
extern const std::vector<std::string> moe_keys;

/// Reads and checks all that needs no model. Reports MOE001, MOE002, MOE006, MOE007, and what references and
/// values report.
MoeRequest read_moe(const Fields& fields, Diagnostics& diagnostics);

/// Checks how routers are to be made: MOE003, MOE004, MOE011, and CFG007 for vectors that nobody asks for.
void check_routers(const MoeRequest& moe, const Extensions& extensions, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
