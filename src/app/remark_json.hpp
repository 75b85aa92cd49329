// Remarks for programs.
#pragma once

#include <nlohmann/json.hpp>

#include "core/remark.hpp"

namespace stockpot::app {

/// {"severity": "warning", "code": "TEN001", "file": "r.yml", "line": 7, "column": 15, "message": ..., "help": ...,
/// "facts": {"tensor": ...}}: what is not known is left out.
nlohmann::ordered_json as_json(const Remark& remark);

}  // namespace stockpot::app
