#include "methods/kernels/row_divergence.hpp"

#include <vector>

namespace stockpot::methods {

std::span<const double> exponentials_of_bfloat16() {
  static const std::vector<double> all = [] {
    std::vector<double> of_bits(1 << 16);
    for (std::size_t bits = 0; bits < of_bits.size(); ++bits) {
      of_bits[bits] = exponential(bf16_to_f32(static_cast<std::uint16_t>(bits)));
    }
    return of_bits;
  }();
  return all;
}

}  // namespace stockpot::methods
