#include "io/model_folder.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/error.hpp"
#include "io/file_system.hpp"
#include "io/json.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> further_templates(const ModelDirectory& model) {
  const auto folder = model.has(more_templates) ? model.resolve(more_templates) : std::nullopt;
  if (!folder || !with_file_system_errors([&] { return fs::is_directory(*folder); })) return {};
  std::vector<std::string> names;
  const ModelDirectory templates(*folder);
  for (const std::string& name : templates.names()) {
    if (name.ends_with(".jinja")) names.push_back(std::string(more_templates) + '/' + name);
  }
  return names;
}

}  // namespace

ModelFolder::ModelFolder(const std::string& path) : shown_(path) {
  if (!with_file_system_errors([&] { return fs::is_directory(path); })) return;
  const auto& model = files_.emplace<ModelDirectory>(path);
  names_ = model.names();
  for (std::string& name : further_templates(model)) names_.push_back(std::move(name));
  std::sort(names_.begin(), names_.end());
}

ModelFolder::ModelFolder(std::string shown_as, std::vector<SmallFile> files) : shown_(std::move(shown_as)) {
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const SmallFile& file : files) names_.push_back(file.name);
  files_ = std::move(files);
}

std::string ModelFolder::shown(const std::string& name) const { return (fs::path(shown_) / name).string(); }

bool ModelFolder::has(const std::string& name) const { return std::binary_search(names_.begin(), names_.end(), name); }

std::optional<SmallFile> ModelFolder::file(const std::string& name) const {
  const auto at = std::lower_bound(names_.begin(), names_.end(), name);
  if (at == names_.end() || *at != name) return std::nullopt;
  if (const auto* planned = std::get_if<Planned>(&files_))
    return (*planned)[static_cast<std::size_t>(at - names_.begin())];
  const auto& directory = std::get<ModelDirectory>(files_);
  if (auto source = directory.resolve(name)) return SmallFile{name, {}, *std::move(source)};
  if (!directory.in_hub_cache()) return std::nullopt;
  throw Error(ErrorKind::corrupt_input, "the file is a broken link")
      .code("REF006")
      .in_file(shown(name))
      .hint("the model looks partly downloaded");
}

std::optional<std::string> ModelFolder::text(const std::string& name) const {
  const auto found = file(name);
  return found ? std::optional(content_of(*found)) : std::nullopt;
}

std::string content_of(const SmallFile& file) {
  return file.source.empty() ? file.text : read_file(file.source, max_json_bytes);
}

}  // namespace stockpot::io
