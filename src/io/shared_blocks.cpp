#include "io/shared_blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace stockpot::io {
namespace {

/// The layers that use a shared block: how many such layers come before each.
std::map<std::uint64_t, std::uint64_t> users_of(const JsonText::Array& kinds) {
  std::map<std::uint64_t, std::uint64_t> users;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const std::string* kind = kinds[i].as_text();
    if (kind != nullptr && *kind == "hybrid") users.emplace(i, users.size());
  }
  return users;
}

}  // namespace

std::string missing_shared_blocks(const JsonText& object, const std::vector<std::uint64_t>& from) {
  const JsonText* const blocks = object.find("num_mem_blocks");
  const JsonText* const kinds = object.find("layers_block_type");
  const std::uint64_t count = blocks == nullptr ? 0 : blocks->as_unsigned().value_or(0);
  if (count == 0 || kinds == nullptr || kinds->as_array() == nullptr) return "";
  const auto users = users_of(*kinds->as_array());
  std::vector<std::uint64_t> found;  // blocks whose weights come along
  std::uint64_t place = 0;
  for (const std::uint64_t layer : from) {
    const auto user = users.find(layer);
    if (user == users.end()) continue;
    if (user->second % count != place % count) {
      return fmt::format("layer {} would use shared block {} instead of {}", layer, place % count,
                         user->second % count);
    }
    if (user->second < count) found.push_back(user->second);
    ++place;
  }
  if (place != users.size()) {
    return fmt::format("shared blocks have an adapter for each of {} hybrid layers, and the output has {}",
                       users.size(), place);
  }
  for (std::uint64_t block = 0; block < std::min<std::uint64_t>(count, place); ++block) {
    if (std::find(found.begin(), found.end(), block) == found.end()) {
      return fmt::format("shared block {} is stored in no layer that was chosen", block);
    }
  }
  return "";
}

}  // namespace stockpot::io
