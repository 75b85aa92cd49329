// Directories, made, synced and removed through the file calls of io.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace stockpot::io {

/// Local. Removes a file, or a directory with all that is in it; links are removed, not followed. What is not there is no
/// failure. What cannot be removed keeps nothing else from going.   @throws Error(storage) in the end, for the first that stays
void remove_tree(const std::string& path);

/// Local. The same for what is in a folder, but for names that are to stay.
void remove_entries(const std::string& folder, const std::function<bool(const std::string& name)>& stays);

/// Local. Makes a directory if it is not there. @throws Error(storage or no_space)
void ensure_directory(const std::string& path);

/// Local. Returns when names in it are on storage.
void sync_directory(const std::string& path);

/// Local. Size of a regular file; nothing if there is none.
std::optional<std::uint64_t> stored_size(const std::string& path);

/// Local. Bytes that the files below a directory take up on storage; 0 if it is not there.
std::uint64_t allocated_bytes(const std::string& path);

/// Local. Of the bytes that files below a directory are going to take, those that they do not take yet.
std::uint64_t unallocated_bytes(const std::string& path, std::uint64_t bytes);

}  // namespace stockpot::io
