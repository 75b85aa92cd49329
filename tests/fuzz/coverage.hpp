#pragma once

#include <array>
#include <cstdint>

namespace stockpot::fuzz {

/// Which edges between blocks of code were taken.
using CoverageMap = std::array<std::uint8_t, 65536>;
extern CoverageMap* coverage_map;

}  // namespace stockpot::fuzz
