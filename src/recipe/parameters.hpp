// `parameters:`, at whatever place of a recipe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/fields.hpp"
#include "recipe/node.hpp"
#include "recipe/setting.hpp"

namespace stockpot::recipe {

/// Parameters of one place, by name, in document order of first mention.
struct Parameters {
  struct Entry {
    std::string name;
    Position at;  ///< of the name
    Setting setting;
  };
  std::vector<Entry> entries;
  /// A name that has no setting.
  struct Name {
    std::string name;
    Position at;
  };
  std::vector<Name> misplaced = {};  ///< unknown keys beside `parameters:`, which may be names of parameters
  std::vector<Name> valueless = {};  ///< what stands there is no value, which was reported
  const Entry* find(std::string_view name) const;
};

/// The parameters of a mapping that may have them under `parameters`, as read_parameters() reads them.
Parameters parameters_of(const Fields& fields, Diagnostics& diagnostics);

/// Reads {name: Setting}. Which names a method knows and which values it takes, the planner checks. Reports CFG005,
/// CFG006, CFG020, CFG021, CFG022, CFG042, CFG043 and CFG044.
Parameters read_parameters(const Node& node, Diagnostics& diagnostics);

/// Reads a filter, as Setting::Case has it. Reports CFG020 and CFG044; nothing then.
std::optional<std::string> read_filter(const Node& node, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
