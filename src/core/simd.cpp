#include "core/simd.hpp"

#include <atomic>
#include <cstdlib>

#include "core/error.hpp"

namespace stockpot {
namespace {

InstructionSet initial() {
  const char* wanted = std::getenv("STOCKPOT_ISA");
  if (wanted == nullptr) return best_instruction_set();
  const auto set = parse_instruction_set(wanted);
  if (!set || *set > best_instruction_set()) {
    throw Error(ErrorKind::recipe, std::string("STOCKPOT_ISA is '") + wanted + "'")
        .hint("allowed on this CPU: baseline up to " + std::string(name(best_instruction_set())));
  }
  return *set;
}

// The one process-wide setting: every kernel asks for it, and it cannot change a result.
std::atomic<InstructionSet>& active() {
  static std::atomic<InstructionSet> set{initial()};
  return set;
}

}  // namespace

InstructionSet active_instruction_set() { return active().load(std::memory_order_relaxed); }

InstructionSet best_instruction_set() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return InstructionSet::avx512;
  }
  return __builtin_cpu_supports("avx2") ? InstructionSet::avx2 : InstructionSet::baseline;
}

void use(InstructionSet set) { active().store(set); }

std::optional<InstructionSet> parse_instruction_set(std::string_view text) {
  for (const auto set : {InstructionSet::baseline, InstructionSet::avx2, InstructionSet::avx512}) {
    if (text == name(set)) return set;
  }
  return std::nullopt;
}

std::string_view name(InstructionSet set) {
  switch (set) {
    case InstructionSet::baseline:
      return "baseline";
    case InstructionSet::avx2:
      return "avx2";
    case InstructionSet::avx512:
      return "avx512";
  }
  return "";
}

}  // namespace stockpot
