// Stored elements, widened and narrowed, against formats written from their definition.
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/convert.hpp"
#include "fuzz.hpp"
#include "support/slow_float16.hpp"

namespace {

using namespace stockpot;

void check(DType dtype, const test::SlowFloat16& slow, std::string_view input) {
  const std::size_t count = input.size() / 2;
  std::vector<float> values(count);
  widen(dtype, reinterpret_cast<const std::byte*>(input.data()), values);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t pattern = 0;
    std::memcpy(&pattern, input.data() + 2 * i, sizeof pattern);
    const bool is_nan = (pattern & 0x7FFFu) > slow.infinity();
    fuzz::require(std::isnan(values[i]) == is_nan, "NaN stays NaN");
    fuzz::require(is_nan || values[i] == slow.value(pattern), "widening is exact");
  }
  const std::size_t floats = input.size() / sizeof(float);
  values.resize(floats);
  if (floats > 0) std::memcpy(values.data(), input.data(), floats * sizeof(float));
  std::vector<std::byte> narrowed(2 * floats);
  narrow(dtype, values, narrowed.data());
  for (std::size_t i = 0; i < floats; ++i) {
    std::uint16_t pattern = 0;
    std::memcpy(&pattern, narrowed.data() + 2 * i, sizeof pattern);
    if (std::isnan(values[i])) {
      fuzz::require((pattern & 0x7FFFu) > slow.infinity(), "NaN is not rounded away");
    } else {
      fuzz::require(pattern == slow.rounded(static_cast<double>(values[i])),
                    "narrowing rounds to nearest, ties to even");
    }
  }
}

}  // namespace

void stockpot::fuzz::target(std::string_view input) {
  check(DType::bf16, test::SlowFloat16::bf16(), input);
  check(DType::f16, test::SlowFloat16::f16(), input);
}
