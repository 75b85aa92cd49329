// A running sum over one tile, in an order that is part of the numeric contract: 8 float64 sums, element i of the tile goes
// to lane i mod 8, lanes joined as ((0+1)+(2+3))+((4+5)+(6+7)). Eight lanes are what lets loops over it vectorise.
#pragma once

#include <array>

namespace stockpot::methods {

struct Lanes {
  std::array<double, 8> sum{};

  double joined() const { return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7])); }
};

}  // namespace stockpot::methods
