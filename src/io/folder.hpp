// What is in a folder.
#pragma once

#include <string>
#include <system_error>
#include <vector>

namespace stockpot::io {

/// Local. Names in a folder, ascending bytewise, without "." and "..". On failure: those read so far, and why.
std::vector<std::string> names_in(const std::string& folder, std::error_code& failure);

}  // namespace stockpot::io
