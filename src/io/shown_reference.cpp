#include "io/shown_reference.hpp"

#include <algorithm>

namespace stockpot::io {
namespace {

/// One model or adapter of a reference: PATH and whatever follows it (@REVISION, *WEIGHT).
struct Part {
  std::string path, rest;
};

std::vector<Part> parts_of(std::string_view reference) {
  std::vector<Part> parts;
  while (true) {
    const auto plus = reference.find('+');
    const std::string_view part = reference.substr(0, plus);
    const auto path_end = std::min(part.find_first_of("@*"), part.size());
    parts.push_back({std::string(part.substr(0, path_end)), std::string(part.substr(path_end))});
    if (plus == std::string_view::npos) return parts;
    reference.remove_prefix(plus + 1);
  }
}

bool is_private(std::string_view path) { return path.starts_with('/') || path.starts_with('~'); }

std::string_view last_component(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool is_hub_name(std::string_view name) {
  constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  const auto is_edge = [](char c) { return c == '-' || c == '.'; };
  return !name.empty() && name.find_first_not_of(allowed) == std::string_view::npos && !is_edge(name.front()) &&
         !is_edge(name.back()) && name.find("--") == std::string_view::npos &&
         name.find("..") == std::string_view::npos;
}

bool is_hub_id(std::string_view path) {
  constexpr std::size_t longest = 96;
  const auto slash = path.find('/');
  return path.size() <= longest && slash != std::string_view::npos && is_hub_name(path.substr(0, slash)) &&
         is_hub_name(path.substr(slash + 1)) && !path.ends_with(".git");
}

}  // namespace

std::string shown_reference(std::string_view reference) {
  // "{path: PATH}" stands for a path that holds characters of the short form.
  constexpr std::string_view mapping = "{path: ";
  if (reference.starts_with(mapping) && is_private(reference.substr(mapping.size()))) {
    return std::string(mapping).append(last_component(reference.substr(mapping.size())));
  }
  std::string shown;
  for (const auto& [path, rest] : parts_of(reference)) {
    if (!shown.empty()) shown += '+';
    shown += is_private(path) ? last_component(path) : std::string_view(path);
    shown += rest;
  }
  return shown;
}

std::vector<std::string> private_paths(std::string_view reference) {
  constexpr std::string_view mapping = "{path: ";
  if (reference.starts_with(mapping))
    reference = reference.substr(mapping.size(), reference.find_first_of(",}") - mapping.size());
  std::vector<std::string> paths;
  for (const auto& part : parts_of(reference)) {
    if (is_private(part.path)) paths.push_back(part.path);
  }
  return paths;
}

std::string without_directories(std::string_view text) {
  constexpr std::string_view space = " \t\r\n", before = "\"'`[{(,=+", behind = "\"'`]}),;|*@+";
  const auto begins_word = [&](std::size_t at) {
    return at == 0 || (space.find(text[at - 1]) != space.npos) || (before.find(text[at - 1]) != before.npos);
  };
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (is_private(text.substr(at, 1)) && begins_word(at)) {
      while (end < text.size() && space.find(text[end]) == space.npos && behind.find(text[end]) == behind.npos) ++end;
      const std::string_view path = text.substr(at, end - at);
      const bool has_directory = path.find('/', 1) < path.size() - 1;
      shown += has_directory ? last_component(path) : path;
    } else {
      shown += text[at];
    }
    at = end;
  }
  return shown;
}

std::vector<std::string> hub_ids(std::string_view reference) {
  std::vector<std::string> ids;
  for (const auto& part : parts_of(reference)) {
    if (is_hub_id(part.path)) ids.push_back(part.path);
  }
  return ids;
}

}  // namespace stockpot::io
