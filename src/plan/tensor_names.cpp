#include "plan/tensor_names.hpp"

#include <algorithm>
#include <charconv>

namespace stockpot::plan {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<IndexedName> split_at_index(std::string_view name) {
  Components parts(name);
  std::size_t start = 0;
  while (const auto part = parts.next()) {
    const std::size_t end = start + part->size();
    if (all_digits(*part)) {
      IndexedName found{name.substr(0, start == 0 ? 0 : start - 1), name.substr(std::min(end + 1, name.size())), 0,
                        part->size()};
      const auto read = std::from_chars(part->data(), part->data() + part->size(), found.index);
      return read.ec == std::errc() ? std::optional(found) : std::nullopt;
    }
    start = end + 1;
  }
  return std::nullopt;
}

}  // namespace stockpot::plan
