// Picks the few keys of a run that lie in a range.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stockpot::methods {

/// Room that these functions need behind what they find.
inline constexpr std::size_t gather_slack = 16;

/// Writes the keys in [low, high], in order. @param found  room for count + gather_slack keys.   @return how many.
template <class Key>
std::size_t gather_keys(const Key* keys, std::size_t count, Key low, Key high, Key* found);

/// The same, and where in the run each of them is. @param places  as much room.
template <class Key>
std::size_t gather_places(const Key* keys, std::size_t count, Key low, Key high, Key* found, Key* places);

extern template std::size_t gather_keys(const std::uint32_t*, std::size_t, std::uint32_t, std::uint32_t,
                                        std::uint32_t*);
extern template std::size_t gather_keys(const std::uint64_t*, std::size_t, std::uint64_t, std::uint64_t,
                                        std::uint64_t*);
extern template std::size_t gather_places(const std::uint32_t*, std::size_t, std::uint32_t, std::uint32_t,
                                          std::uint32_t*, std::uint32_t*);
extern template std::size_t gather_places(const std::uint64_t*, std::size_t, std::uint64_t, std::uint64_t,
                                          std::uint64_t*, std::uint64_t*);

}  // namespace stockpot::methods
