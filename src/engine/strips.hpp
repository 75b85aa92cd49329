// The pieces that workers take: strips of units, in reading order, small ones together.
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
  ElementRange unit = {};
  ElementRange range = {};
};

/// What a worker takes at once: one strip, or the whole of several small units that follow each other, which make
/// plan::bundle_bytes() at most. Their stored bytes are read together and their results written together.
struct Bundle {
  std::size_t first = 0, end = 0;  ///< of its strips
  std::size_t size() const { return end - first; }
};

/// Units cut into strips, without a list of them: a trillion parameters are a million strips.
class Strips {
 public:
  /// @param keep_units  no bundle has units before and behind so many.
  Strips(const plan::MergePlan& plan, const plan::Schedule& schedule, std::span<const std::uint32_t> units,
         std::size_t keep_units = 0);
  std::size_t size() const { return first_strip_.back(); }
  /// @pre i < size()
  Strip operator[](std::size_t i) const;

  std::size_t bundles() const { return first_bundle_.back(); }
  /// @pre b < bundles()
  Bundle bundle(std::size_t b) const;
  std::vector<Strip> strips_of(Bundle bundle) const;
  /// What the sources of the b-th bundle's strips take in memory (plan::stored_bytes).
  std::uint64_t stored_bytes(std::size_t b) const;

 private:
  std::uint64_t elements_of_strip(std::uint32_t tensor) const;
  const plan::MergePlan& plan_;
  const plan::Schedule& schedule_;
  std::span<const std::uint32_t> units_;
  std::vector<std::size_t> first_strip_;   // of each unit; one more at the end
  std::vector<std::size_t> first_bundle_;  // likewise: of those that begin with it or behind it
};

}  // namespace stockpot::engine
