// One source, several instruction sets, chosen at run time, the same bits.
//
// A kernel is a callable of plain loops. dispatch() calls a copy of it that the compiler made for the widest
// instruction set in use; `flatten` pulls the callable into that copy, so its loops are vectorised for it. No copy may
// contract a multiplication and an addition (-ffp-contract=off, and FMA is enabled in none), so all copies give the
// same bits.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

namespace stockpot {

enum class InstructionSet { baseline, avx2, avx512 };

/// The one in use: the widest that the CPU has, or what STOCKPOT_ISA (baseline, avx2, avx512) or use() chose.
InstructionSet active_instruction_set();
/// The widest that this CPU has.
InstructionSet best_instruction_set();
/// For tests and benchmarks. Call before worker threads run. @pre not wider than best_instruction_set().
void use(InstructionSet set);
std::optional<InstructionSet> parse_instruction_set(std::string_view name);
std::string_view name(InstructionSet set);

namespace detail {
template <class Kernel, class... Args>
[[gnu::target("avx2"), gnu::flatten]] void on_avx2(const Kernel& kernel, Args... args) {
  kernel(args...);
}
template <class Kernel, class... Args>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"), gnu::flatten]] void on_avx512(
    const Kernel& kernel, Args... args) {
  kernel(args...);
}
template <class Kernel, class... Args>
[[gnu::flatten]] void on_baseline(const Kernel& kernel, Args... args) {
  kernel(args...);
}
}  // namespace detail

/// Runs kernel(args...) for the instruction set in use. Pass pointers and numbers: arguments are copied.
template <class Kernel, class... Args>
void dispatch(const Kernel& kernel, Args... args) {
  switch (active_instruction_set()) {
    case InstructionSet::avx512:
      return detail::on_avx512(kernel, args...);
    case InstructionSet::avx2:
      return detail::on_avx2(kernel, args...);
    case InstructionSet::baseline:
      return detail::on_baseline(kernel, args...);
  }
}

}  // namespace stockpot
