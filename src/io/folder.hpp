// What is in a folder, and what lies in it.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace stockpot::io {

/// Local. Names in a folder, ascending bytewise, without "." and "..". On failure: those read so far, and why.
std::vector<std::string> names_in(const std::string& folder, std::error_code& failure);

/// Whether a path is a folder's own or leads into it, by their components: both absolute, without links and final slashes.
bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder);

}  // namespace stockpot::io
