// Runs a test under every instruction set that this machine has.
#pragma once

#include <vector>

#include "core/simd.hpp"

namespace stockpot::test {

inline std::vector<InstructionSet> available_instruction_sets() {
  std::vector<InstructionSet> sets;
  for (const auto set : {InstructionSet::baseline, InstructionSet::avx2, InstructionSet::avx512}) {
    if (set <= best_instruction_set()) sets.push_back(set);
  }
  return sets;
}

/// Chooses an instruction set and puts the former one back.
class WithInstructionSet {
 public:
  explicit WithInstructionSet(InstructionSet set) : former_(active_instruction_set()) { use(set); }
  ~WithInstructionSet() { use(former_); }
  WithInstructionSet(const WithInstructionSet&) = delete;
  WithInstructionSet& operator=(const WithInstructionSet&) = delete;

 private:
  InstructionSet former_;
};

}  // namespace stockpot::test
