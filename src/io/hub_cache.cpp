#include "io/hub_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "io/folder.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

/// Replaces a leading "~" and every "$VAR" and "${VAR}"; a variable that is not set becomes nothing.
std::string expanded(std::string_view text) {
  std::string result;
  if (text == "~" || text.starts_with("~/")) {
    result = variable("HOME");
    text.remove_prefix(1);
  }
  while (!text.empty()) {
    const auto dollar = text.find('$');
    result += text.substr(0, dollar);
    if (dollar == text.npos) break;
    text.remove_prefix(dollar + 1);
    const bool braced = text.starts_with('{');
    if (braced) text.remove_prefix(1);
    const auto end =
        std::find_if_not(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '_'; });
    const auto length = static_cast<std::size_t>(end - text.begin());
    result += variable(std::string(text.substr(0, length)));
    text.remove_prefix(length);
    if (braced && text.starts_with('}')) text.remove_prefix(1);
  }
  return result;
}

bool is_commit(std::string_view text) {
  constexpr std::size_t digits = 40;
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

/// Whether a revision can be made into a path that stays below where it is put.
bool is_safe_revision(std::string_view revision) {
  const bool plain = std::all_of(revision.begin(), revision.end(), [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-' || c == '/';
  });
  if (!plain) return false;
  while (true) {
    const auto slash = revision.find('/');
    const auto part = revision.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == revision.npos) return true;
    revision.remove_prefix(slash + 1);
  }
}

/// The commit in refs/<revision>, or nothing if there is no such file.
std::optional<std::string> commit_of(const fs::path& model, const std::string& revision) {
  constexpr std::uint64_t limit_bytes = 4096;
  const fs::path file = model / "refs" / revision;
  std::error_code failure;
  if (!fs::exists(file, failure)) return std::nullopt;
  std::string text = read_file(file.string(), limit_bytes);
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
  if (is_commit(text)) return text;
  throw Error(ErrorKind::corrupt_input, "the cache's note of a revision holds no commit")
      .code("REF005")
      .in_file(file.string());
}

/// Branches and tags by their whole names: a reference to a pull request is a file in folders, "refs/pr/3".
std::vector<std::string> files_below(const fs::path& refs) {
  std::vector<std::string> names;
  std::error_code failure;
  for (fs::recursive_directory_iterator at(refs, failure), end; !failure && at != end; at.increment(failure)) {
    if (at->is_regular_file(failure)) names.push_back(at->path().lexically_relative(refs).generic_string());
  }
  std::ranges::sort(names);
  return names;
}

Error unknown_revision(const fs::path& model, const std::string& revision) {
  std::error_code ignored;  // what cannot be listed has nothing to offer
  auto known = files_below(model / "refs");
  const auto snapshots = names_in(model / "snapshots", ignored);
  known.insert(known.end(), snapshots.begin(), snapshots.end());
  std::string list;
  for (const auto& name : known) list += (list.empty() ? "" : ", ") + name;
  Error error(ErrorKind::corrupt_input, fmt::format("the hub cache does not have revision '{}'", revision));
  error.code("REF005").with("folder", model.string()).with("known", list.empty() ? "nothing" : list);
  const std::string suggestion = did_you_mean(revision, known);
  return error.hint(suggestion.empty() ? "download that revision first, or name one of those above" : suggestion);
}

/// Name of the snapshot folder. @param warnings  gets REF011 when none was asked for and the only one is taken.
std::string snapshot_name(const fs::path& model, const std::string& asked, std::vector<std::string>& warnings) {
  const std::string revision = asked.empty() ? "main" : asked;
  if (is_commit(revision)) return revision;
  if (auto commit = commit_of(model, revision)) return *std::move(commit);
  std::error_code ignored;
  if (fs::is_directory(model / "snapshots" / revision, ignored)) return revision;
  const auto snapshots = names_in(model / "snapshots", ignored);
  if (!asked.empty() || snapshots.size() != 1) throw unknown_revision(model, revision);
  warnings.push_back(
      fmt::format("REF011: {} has no refs/main; its only snapshot is used: {}", model.string(), snapshots.front()));
  return snapshots.front();
}

}  // namespace

bool is_hub_id(std::string_view text) {
  constexpr std::size_t max_characters = 96;
  const auto is_name = [](std::string_view name) {
    const auto at_end = [](char c) { return c == '-' || c == '.'; };
    return !name.empty() && !at_end(name.front()) && !at_end(name.back()) &&
           std::all_of(name.begin(), name.end(),
                       [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
  };
  const auto has = [&](std::string_view part) { return text.find(part) != text.npos; };
  if (text.size() > max_characters || has("--") || has("..") || text.ends_with(".git")) return false;
  const auto slash = text.find('/');
  return is_name(text.substr(0, slash)) && (slash == text.npos || is_name(text.substr(slash + 1)));
}

std::string hub_cache_directory(const std::string& given) {
  if (!given.empty()) return expanded(given);
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const std::string value = variable(name); !value.empty()) return expanded(value);
  }
  if (const std::string home = variable("HF_HOME"); !home.empty()) return expanded(home) + "/hub";
  if (const std::string caches = variable("XDG_CACHE_HOME"); !caches.empty()) {
    return expanded(caches) + "/huggingface/hub";
  }
  return expanded("~/.cache/huggingface/hub");
}

std::string hub_model_directory(const std::string& cache, std::string_view id) {
  std::string name = "models--";
  for (const char c : id) name += c == '/' ? std::string("--") : std::string(1, c);
  return (fs::path(cache) / name).string();
}

bool is_snapshot_of(std::string_view id, const std::string& path) {
  const fs::path snapshots = fs::path(path).parent_path();
  return snapshots.filename() == "snapshots" && snapshots.parent_path().filename() == hub_model_directory("", id);
}

std::vector<std::string> cached_hub_ids(const std::string& cache) {
  constexpr std::string_view prefix = "models--", separator = "--";
  std::vector<std::string> ids;
  std::error_code no_cache;
  for (const std::string& name : names_in(cache, no_cache)) {
    if (!name.starts_with(prefix)) continue;
    const std::string id = name.substr(prefix.size());
    const auto at = id.find(separator);
    ids.push_back(at == id.npos ? id : id.substr(0, at) + "/" + id.substr(at + separator.size()));
  }
  return ids;
}

HubSnapshot hub_snapshot(const std::string& model_directory, const std::string& revision) {
  const fs::path model = model_directory;
  if (!revision.empty() && !is_safe_revision(revision)) {
    throw Error(ErrorKind::corrupt_input, fmt::format("'{}' cannot be a revision", revision))
        .code("REF005")
        .hint("a revision is a branch, a tag or a commit");
  }
  HubSnapshot result;
  const fs::path snapshot = model / "snapshots" / snapshot_name(model, revision, result.warnings);
  std::error_code failure;
  const fs::path real = fs::canonical(snapshot, failure), bounds = fs::canonical(model, failure);
  if (failure || !fs::is_directory(real, failure)) throw unknown_revision(model, revision.empty() ? "main" : revision);
  if (!lies_in(real, bounds)) {
    throw Error(ErrorKind::corrupt_input, "a link leads out of the model's folder in the hub cache")
        .code("REF007")
        .in_file(snapshot.string())
        .with("target", real.string());
  }
  result.path = snapshot.string();
  return result;
}

}  // namespace stockpot::io
