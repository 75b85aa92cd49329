// Who reads which tensors of models, as schedules have it: merges in one sweep that have tensors in common give them to the
// same ranks, so that each is read once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plan/schedule.hpp"

namespace stockpot::plan {

class Readers {
 public:
  /// Of tensors that nobody has read so far.
  void add(const MergePlan& plan, const Schedule& schedule);
  /// The rank that reads where a unit's first source begins.
  std::optional<std::uint32_t> rank_of(const MergePlan& plan, const Unit& unit) const;
  /// Whether several ranks read parts of the tensor that is the first source of an output tensor.
  std::optional<bool> is_split(const MergePlan& plan, std::uint32_t tensor) const;

 private:
  /// First elements of parts and the ranks that read them, ascending.
  using Parts = std::vector<std::pair<std::uint64_t, std::uint32_t>>;
  const Parts* parts_of(const MergePlan& plan, std::uint32_t tensor) const;

  std::map<std::string, Parts, std::less<>> parts_;  // by the tensor's name in its model
};

}  // namespace stockpot::plan
