#include "io/model_directory.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "core/error.hpp"
#include "io/folder.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

/// ".../models--org--name" of ".../models--org--name/snapshots/<commit>", or nothing if `real` is no snapshot.
std::optional<fs::path> hub_model_of(const fs::path& real) {
  const fs::path snapshots = real.parent_path();
  const fs::path model = snapshots.parent_path();
  const bool is_snapshot = snapshots.filename() == "snapshots" && model.filename().string().starts_with("models--");
  return is_snapshot ? std::optional(model) : std::nullopt;
}

}  // namespace

ModelDirectory::ModelDirectory(std::string path) : path_(std::move(path)) {
  std::error_code failure;
  names_ = names_in(path_, failure);
  if (failure) throw system_error(failure.value(), "reading the folder", path_);
  const fs::path real = fs::canonical(path_, failure);
  if (failure) throw system_error(failure.value(), "realpath", path_);
  const auto hub_model = hub_model_of(real);
  in_hub_cache_ = hub_model.has_value();
  bounds_ = hub_model.value_or(real).string();
}

bool ModelDirectory::has(const std::string& name) const {
  return std::binary_search(names_.begin(), names_.end(), name);
}

std::string ModelDirectory::shown(const std::string& name) const { return (fs::path(path_) / name).string(); }

std::optional<std::string> ModelDirectory::resolve(const std::string& name) const {
  std::error_code failure;
  const fs::path real = fs::canonical(fs::path(path_) / name, failure);
  if (failure == std::errc::no_such_file_or_directory) return std::nullopt;
  if (failure) throw system_error(failure.value(), "realpath", shown(name));
  if (lies_in(real, bounds_)) return real.string();
  throw Error(ErrorKind::corrupt_input, "a link leads out of the model's folder")
      .code(in_hub_cache_ ? "REF007" : "FMT003")
      .in_file(shown(name))
      .with("target", real.string())
      .hint("give the folder that the link leads to, or copy the file into this one");
}

}  // namespace stockpot::io
