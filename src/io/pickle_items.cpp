#include "io/pickle_items.hpp"

#include <cstdint>

namespace stockpot::io {
namespace {

using Kind = PickleValue::Kind;

bool is_sequence(PickleValue value) { return value.is(Kind::list) || value.is(Kind::tuple); }

}  // namespace

bool has_entries(PickleValue value) { return is_sequence(value) || value.is(Kind::dict) || value.is(Kind::pairs); }

std::optional<PickleEntry> pickle_entry(const Pickle& pickle, PickleValue value, std::size_t index) {
  const auto& items = pickle.at(value).items;
  if (value.is(Kind::dict)) {
    if (index >= items.size() / 2) return std::nullopt;
    return PickleEntry{items[2 * index], items[2 * index + 1]};
  }
  if (value.is(Kind::pairs)) {
    const auto& pairs = pickle.at(items[0]).items;
    if (index >= pairs.size()) return std::nullopt;
    if (!is_sequence(pairs[index]) || pickle.at(pairs[index]).items.size() != 2) return PickleEntry{{}, pairs[index]};
    const auto& pair = pickle.at(pairs[index]).items;
    return PickleEntry{pair[0], pair[1]};
  }
  if (index >= items.size()) return std::nullopt;
  return PickleEntry{{Kind::integer, static_cast<std::int64_t>(index)}, items[index]};
}

}  // namespace stockpot::io
