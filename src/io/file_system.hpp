// std::filesystem throws exceptions of its own; those of ours tell main() that it was the storage, and which path.
#pragma once

#include <concepts>
#include <filesystem>
#include <utility>

#include "core/error.hpp"

namespace stockpot::io {

/// Runs `work`. @throws Error(storage or no_space) where that throws a filesystem_error.
template <std::invocable Work>
decltype(auto) with_file_system_errors(Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const std::filesystem::filesystem_error& error) {
    throw system_error(error.code().value(), "file system access", error.path1().string());
  }
}

}  // namespace stockpot::io
