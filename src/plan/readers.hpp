// Who reads which tensors of models, as schedules have it: merges in one sweep that have tensors in common give them to the
// same ranks, so that each is read once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "plan/schedule.hpp"

namespace stockpot::plan {

class Readers {
 public:
  /// Of tensors that nobody has read so far.
  void add(const MergePlan& plan, const Schedule& schedule);
  /// The rank that reads where a unit begins, of any of its sources.
  std::optional<std::uint32_t> rank_of(const MergePlan& plan, const Unit& unit) const;
  /// Whether several ranks read parts of the sources of an output tensor.
  std::optional<bool> is_split(const MergePlan& plan, std::uint32_t tensor) const;
  /// Bytes of the schedule's units whose ranks these are.
  std::uint64_t common_bytes(const MergePlan& plan, const Schedule& schedule) const;

 private:
  /// First elements of parts and the ranks that read them, ascending.
  using Parts = std::vector<std::pair<std::uint64_t, std::uint32_t>>;
  const Parts* parts_of(const MergePlan& plan, std::uint32_t tensor) const;
  void add(const MergePlan& plan, std::uint32_t tensor, const Parts& parts);

  std::map<std::string, std::unordered_map<std::string, Parts>> parts_;  // by model and name of its tensor
};

}  // namespace stockpot::plan
