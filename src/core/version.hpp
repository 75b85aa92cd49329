// The version of the program, as manifests, model cards and `stockpot --version` show it.
#pragma once

#include <string_view>

namespace stockpot {

inline constexpr std::string_view version = "0.1.0";

/// The set of rules that fixes every bit of the output. Another name means that the same recipe may give other bits.
inline constexpr std::string_view numeric_contract = "nc-1";

}  // namespace stockpot
