// The pieces that workers take: strips of units, in reading order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "plan/schedule.hpp"

namespace stockpot::engine {

/// A run of one unit's elements that one worker reads, merges and writes at once.
struct Strip {
  std::size_t place = 0;  ///< of its unit in the list of units that the strips were made of
  std::uint32_t tensor = 0;
  std::uint32_t unit_index = 0;    ///< in the schedule
  std::size_t strips_of_unit = 0;  ///< that one among them
  ElementRange unit;
  ElementRange range;
};

/// Units cut into strips, without a list of them: a trillion parameters are a million strips.
class Strips {
 public:
  Strips(const plan::MergePlan& plan, const plan::Schedule& schedule, std::span<const std::uint32_t> units);
  std::size_t size() const { return first_strip_.back(); }
  /// @pre i < size()
  Strip operator[](std::size_t i) const;
  /// The first strip of the unit at `place` of the list; after the last unit, size().
  std::size_t first_of(std::size_t place) const { return first_strip_[place]; }

 private:
  std::uint64_t elements_of_strip(std::uint32_t tensor) const;
  const plan::MergePlan& plan_;
  const plan::Schedule& schedule_;
  std::span<const std::uint32_t> units_;
  std::vector<std::size_t> first_strip_;  // of each unit; one more at the end
};

}  // namespace stockpot::engine
