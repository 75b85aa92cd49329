#include "engine/stored_parts.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "core/error.hpp"

namespace stockpot::engine {
namespace {

bool follows(const FilePlace& place, const FilePlace& before) {
  return place.file == before.file && place.range.offset == before.range.end();
}

bool follows(std::span<const std::byte> memory, std::span<const std::byte> before) {
  return memory.data() == before.data() + before.size();
}

/// Calls use(parts, place) for runs of parts of which each follows(part, place, the one before it, its place); `place` is that
/// of the whole run, or nothing for a part that has none.
template <class Follows, class Use>
void for_each_run(std::span<const StoredPart> parts, const Follows& goes_on, const Use& use) {
  for (std::size_t i = 0; i < parts.size();) {
    const std::size_t first = i;
    auto place = parts[i].source->place(parts[i].range);
    for (++i; place && i < parts.size(); ++i) {
      const auto next = parts[i].source->place(parts[i].range);
      if (!next || !follows(*next, *place) || !goes_on(parts[i], parts[i - 1])) break;
      place->range.count += next->range.count;
    }
    use(parts.subspan(first, i - first), place);
  }
}

/// The offset in a file that an error names.
std::optional<std::uint64_t> byte_of(const Error& error) {
  const auto& facts = error.context();
  const auto fact = std::ranges::find(facts, "byte", &std::pair<std::string, std::string>::first);
  if (fact == facts.end()) return std::nullopt;
  std::uint64_t offset = 0;
  std::from_chars(fact->second.data(), fact->second.data() + fact->second.size(), offset);
  return offset;
}

/// What is wrong with a run is said of the part that it is wrong with.
void read_run(std::span<const StoredPart> parts, const FilePlace& place) {
  try {
    place.file->read_at(place.range.offset, {parts.front().memory.data(), place.range.count});
  } catch (Error& error) {
    const std::uint64_t wrong = byte_of(error).value_or(place.range.offset);
    const auto ends_behind = [&](const StoredPart& part) {
      return part.source->place(part.range)->range.end() > wrong;
    };
    const auto found = std::ranges::find_if(parts, ends_behind);
    (found == parts.end() ? parts.back() : *found).source->name_in(error);
    throw;
  }
}

}  // namespace

std::vector<const OpenStrip*> all_of(std::span<const OpenStrip> strips) {
  std::vector<const OpenStrip*> all;
  all.reserve(strips.size());
  for (const OpenStrip& open : strips) all.push_back(&open);
  return all;
}

std::vector<StoredPart> parts_of(std::span<const OpenStrip* const> strips) {
  std::size_t most = 0;
  for (const OpenStrip* open : strips) most = std::max(most, open->sources.size());
  std::vector<StoredPart> parts;
  for (std::size_t s = 0; s < most; ++s) {
    for (const OpenStrip* open : strips) {
      if (s >= open->sources.size()) continue;
      const auto memory = open->parts.empty() ? std::span<std::byte>() : open->parts[s];
      parts.push_back({&open->sources[s], open->strip.range, memory});
    }
  }
  return parts;
}

void read_together(std::span<const StoredPart> parts) {
  const auto in_memory = [](const StoredPart& part, const StoredPart& before) {
    return follows(part.memory, before.memory);
  };
  for_each_run(parts, in_memory, [](std::span<const StoredPart> run, const std::optional<FilePlace>& place) {
    run.size() > 1 ? read_run(run, *place) : run.front().source->read(run.front().range, run.front().memory);
  });
}

void will_need_together(std::span<const StoredPart> parts) {
  const auto always = [](const StoredPart&, const StoredPart&) { return true; };
  for_each_run(parts, always, [](std::span<const StoredPart> run, const std::optional<FilePlace>& place) {
    run.size() > 1 ? place->file->will_need(place->range) : run.front().source->will_need(run.front().range);
  });
}

}  // namespace stockpot::engine
