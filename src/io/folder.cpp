#include "io/folder.hpp"

#include <algorithm>

namespace stockpot::io {

std::vector<std::string> names_in(const std::string& folder, std::error_code& failure) {
  std::vector<std::string> names;
  std::filesystem::directory_iterator at(folder, failure);
  for (const std::filesystem::directory_iterator end; !failure && at != end; at.increment(failure)) {
    names.push_back(at->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

}  // namespace stockpot::io
