// What a fuzz target is: one function of bytes from a stranger. Everything but a stockpot::Error, or a sentence that
// turns out not to be true, is a crash.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace stockpot::fuzz {

/// Defined by each target. Reads `input` as the target's format; may throw stockpot::Error.
void target(std::string_view input);

/// What must hold whatever the input was.
inline void require(bool holds, const char* sentence) {
  if (holds) return;
  std::fprintf(stderr, "not true: %s\n", sentence);
  std::abort();
}

}  // namespace stockpot::fuzz
