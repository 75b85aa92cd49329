// A recipe held against its models, as far as headers go: all that is wrong at once.
#pragma once

#include <string>
#include <vector>

#include "engine/stage_planner.hpp"

namespace stockpot::engine {

struct CheckResult {
  std::vector<Remark> remarks;  ///< decisions and warnings
  bool strict = false;          ///< the recipe asks for it
};

/// Local. @throws Error of the first kind of mistake, whose report shows all mistakes that could be found: of the recipe,
/// of its references, and, where those are good, of plans.
CheckResult check_recipe(const std::string& path, const io::SearchPlaces& search, const StageOptions& options);

}  // namespace stockpot::engine
