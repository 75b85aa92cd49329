#include "io/shared_blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace stockpot::io {
namespace {

struct SharedBlocks {
  std::uint64_t count = 0;
  bool has_adapters = false;                     ///< one for each layer that uses them
  std::map<std::uint64_t, std::uint64_t> users;  ///< layers that use one: how many such layers come before each
};

std::optional<SharedBlocks> blocks_of(const JsonText& object) {
  const JsonText* const count = object.find("num_mem_blocks");
  const JsonText* const kinds = object.find("layers_block_type");
  const JsonText* const type = object.find("model_type");
  const bool is_zamba = type != nullptr && *type == JsonText::text("zamba");
  if ((count == nullptr && !is_zamba) || kinds == nullptr || kinds->as_array() == nullptr) return std::nullopt;
  SharedBlocks blocks{count == nullptr ? 1 : count->as_unsigned().value_or(0), count != nullptr, {}};
  for (std::size_t i = 0; i < kinds->as_array()->size(); ++i) {
    const std::string* kind = (*kinds->as_array())[i].as_text();
    if (kind != nullptr && *kind == "hybrid") blocks.users.emplace(i, blocks.users.size());
  }
  return blocks.count == 0 ? std::nullopt : std::optional(std::move(blocks));
}

/// The blocks whose weights lie in the chosen layers, in their order.
std::vector<std::uint64_t> stored_in(const SharedBlocks& blocks, const std::vector<std::uint64_t>& from) {
  std::vector<std::uint64_t> stored;
  for (const std::uint64_t layer : from) {
    const auto user = blocks.users.find(layer);
    if (user != blocks.users.end() && user->second < blocks.count) stored.push_back(user->second);
  }
  return stored;
}

}  // namespace

std::string missing_shared_blocks(const JsonText& object, const std::vector<std::uint64_t>& from) {
  const auto blocks = blocks_of(object);
  if (!blocks) return "";
  const std::uint64_t count = blocks->count;
  std::uint64_t place = 0;
  for (const std::uint64_t layer : from) {
    const auto user = blocks->users.find(layer);
    if (user == blocks->users.end()) continue;
    if (user->second % count != place % count) {
      return fmt::format("layer {} would use shared block {} instead of {}", layer, place % count,
                         user->second % count);
    }
    ++place;
  }
  if (blocks->has_adapters && place != blocks->users.size()) {
    return fmt::format("shared blocks have an adapter for each of {} hybrid layers, and the output has {}",
                       blocks->users.size(), place);
  }
  const auto stored = stored_in(*blocks, from);
  for (std::uint64_t block = 0; block < std::min(count, place); ++block) {
    if (std::find(stored.begin(), stored.end(), block) == stored.end()) {
      return fmt::format("shared block {} is stored in no layer that was chosen", block);
    }
  }
  return "";
}

bool has_shared_block_twice(const JsonText& object, const std::vector<std::uint64_t>& from) {
  const auto blocks = blocks_of(object);
  if (!blocks) return false;
  auto stored = stored_in(*blocks, from);
  std::sort(stored.begin(), stored.end());
  return std::adjacent_find(stored.begin(), stored.end()) != stored.end();
}

}  // namespace stockpot::io
