// Whether an output may go where the user wants it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace stockpot::io {

/// Of the directory beside the output where it grows.
inline constexpr const char* staging_suffix = ".stockpot";
/// Written last by --commit=marker; holds the SHA-256 of the manifest.
inline constexpr const char* marker_file_name = "COMMITTED";
/// In such an output from its first moment to that mark: without it nothing in it is Stockpot's to remove.
inline constexpr const char* unfinished_file_name = "UNFINISHED";

/// Error(output_exists) with the path.
Error exists_error(const std::string& sentence, const std::string& path);

/// OUT with a canonical parent, so that its place can be compared with that of the inputs.
/// @throws Error(usage) if it has no name of its own, or one too long for a staging directory beside it.
std::filesystem::path resolved_output(const std::string& out);

/// @param inputs  directories and files.   @throws Error(output_exists, OUT002) if the output is, holds or lies in one.
void refuse_inputs(const std::filesystem::path& out, const std::vector<std::string>& inputs);

/// @param replaceable  a model may be there.   @param is_moved  the output comes there by a rename.
/// @throws Error(output_exists): OUT001, OUT004 if what is to be replaced is no model, OUT005 if it cannot be replaced as a whole.
void refuse_existing(const std::filesystem::path& out, bool replaceable, bool is_moved);

/// Whether two places, of which neither need be there yet, are on the same file system.
bool share_file_system(const std::filesystem::path& one, const std::filesystem::path& other);

/// @throws Error(no_space, OUT003)
void require_space(const std::filesystem::path& parent, std::uint64_t needed_bytes);

}  // namespace stockpot::io
