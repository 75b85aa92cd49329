// A model's folder: what is in it, and that nothing in it leads out.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace stockpot::io {

class ModelDirectory {
 public:
  /// Local. @throws Error if `path` is no folder that can be listed.
  explicit ModelDirectory(std::string path);

  const std::string& path() const { return path_; }
  /// Names in it, ascending bytewise.
  const std::vector<std::string>& names() const { return names_; }
  bool has(const std::string& name) const;
  /// Whether it is a snapshot of a hub cache.
  bool in_hub_cache() const { return in_hub_cache_; }
  /// How messages should call a file of it.
  std::string shown(const std::string& name) const;

  /// Local. Follows links. @param name  of a file in it, or, with '/', in a folder of it.
  /// @return the file's real path, or nothing if there is none.
  /// @throws Error(corrupt_input) if it lies outside: of the folder (FMT003), or for a snapshot of a hub cache, whose
  ///         files are links into blobs/, of its "models--..." folder (REF007).
  std::optional<std::string> resolve(const std::string& name) const;

 private:
  std::string path_;
  std::string bounds_;  ///< real path of the folder that no link may leave
  bool in_hub_cache_ = false;
  std::vector<std::string> names_;
};

}  // namespace stockpot::io
