#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "io/checkpoint.hpp"
#include "io/folder.hpp"
#include "io/hub_cache.hpp"
#include "io/publish.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

fs::path home_expanded(const std::string& path) {
  const char* home = std::getenv("HOME");
  return path.starts_with("~/") && home != nullptr ? fs::path(home) / path.substr(2) : fs::path(path);
}

/// The places outside the hub cache, in the order in which they are tried, each once.
std::vector<fs::path> local_places(const std::string& path, const SearchPlaces& places) {
  const fs::path given = home_expanded(path);
  std::vector<fs::path> all{given};
  const auto add = [&](const fs::path& folder) {
    const fs::path place = folder / given;
    if (std::find(all.begin(), all.end(), place) == all.end()) all.push_back(place);
  };
  if (given.is_absolute()) return all;
  if (!places.recipe_directory.empty()) add(places.recipe_directory);
  for (const std::string& root : places.model_roots) add(root);
  return all;
}

fs::path without_last_slash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }

/// What the reference could have been: its last part may be wrong, or an id of the hub as a whole.
std::string suggestion(const std::string& path, const std::vector<fs::path>& looked_at, const std::string& cache) {
  const std::string folders = path.substr(0, path.find_last_of('/', path.find_last_not_of('/')) + 1);
  for (const fs::path& place : looked_at) {
    const fs::path wanted = without_last_slash(place);
    const fs::path folder = wanted.has_parent_path() ? wanted.parent_path() : fs::path(".");
    std::error_code ignored;
    std::string near = did_you_mean(wanted.filename().string(), names_in(folder.string(), ignored), folders);
    if (!near.empty()) return near;
  }
  return is_hub_id(path) ? did_you_mean(path, cached_hub_ids(cache)) : "";
}

[[noreturn]] void not_found(const std::string& path, const std::vector<fs::path>& looked_at, const std::string& cache) {
  Error error(ErrorKind::corrupt_input, "model '" + path + "' was not found");
  error.code("REF004");
  for (const fs::path& place : looked_at) error.with("looked", place.string());
  if (is_hub_id(path)) {
    error.with("looked", hub_model_directory(cache, path));
  } else {
    error.with("looked", "not in the hub cache: '" + path + "' cannot be an id of the hub");
  }
  const std::string near = suggestion(path, looked_at, cache);
  throw error.hint(near.empty() ? "Stockpot downloads nothing: fetch the model first, or add a place with --model-root"
                                : near);
}

/// Files have their full size from the beginning: holes would be taken for weights.
void refuse_unfinished(const fs::path& place) {
  std::error_code failure;
  const std::string folder = (fs::is_directory(place, failure) ? place : fs::absolute(place).parent_path()).string();
  if (!is_unfinished(folder)) return;
  throw Error(ErrorKind::corrupt_input, "the model is not complete: its merge with --commit=marker has not ended")
      .code("REF006")
      .with("folder", folder)
      .hint("'stockpot status' says how far it got, and what goes on with it");
}

}  // namespace

FoundModel find_model(const std::string& path, const std::string& revision, const SearchPlaces& places) {
  if (path.empty()) throw Error(ErrorKind::recipe, "a model reference has an empty path").code("REF003");
  const auto looked_at = local_places(path, places);
  for (const fs::path& place : looked_at) {
    std::error_code failure;
    if (!fs::exists(place, failure)) continue;
    refuse_unfinished(place);
    FoundModel found{.path = place.string(), .warnings = {}};
    if (!revision.empty()) {
      found.warnings.push_back("REF010: " + found.path + " is a local path: its revision '" + revision +
                               "' is ignored");
    }
    return found;
  }
  const std::string cache = hub_cache_directory(places.cache);
  if (is_hub_id(path)) {
    const std::string model = hub_model_directory(cache, path);
    std::error_code failure;
    if (fs::is_directory(model, failure)) {
      HubSnapshot snapshot = hub_snapshot(model, revision);
      return {.path = std::move(snapshot.path), .warnings = std::move(snapshot.warnings)};
    }
  }
  not_found(path, looked_at, cache);
}

}  // namespace stockpot::io
