// Called by every block of code that is built with -fsanitize-coverage=trace-pc. A fuzz driver that wants to know which
// were reached hangs in a map; for all other programs the call does nothing.
#include "coverage.hpp"

namespace stockpot::fuzz {

CoverageMap* coverage_map = nullptr;

}  // namespace stockpot::fuzz

extern "C" void __sanitizer_cov_trace_pc() {
  using namespace stockpot::fuzz;
  if (coverage_map == nullptr) return;
  static thread_local std::uintptr_t before = 0;
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  (*coverage_map)[(here ^ before) % coverage_map->size()] = 1;  // an edge: from which block to which
  before = here >> 1;
}
