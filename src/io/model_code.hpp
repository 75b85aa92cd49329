// Models with Python code of their own: which modules a configuration names. Code is copied like any file and never run.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace stockpot::io {

/// The modules beside a configuration that its `auto_map` names, without ".py": {"modeling_x"} for "modeling_x.XForCausalLM". Code
/// that is to come from another repository ("org/name--modeling_x.X") is not listed.
/// @param path  for messages.
/// @throws Error(corrupt_input, FMT022) if a text that mentions auto_map is no JSON object.
std::set<std::string> own_modules(std::string_view json, const std::string& path);

}  // namespace stockpot::io
