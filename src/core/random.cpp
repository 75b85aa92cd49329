#include "core/random.hpp"

#include <Random123/philox.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/exponential.hpp"
#include "core/trigonometry.hpp"

namespace stockpot {

std::uint64_t stream_of(std::uint8_t domain, std::string_view model_key, std::string_view tensor_name) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto feed = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3; };
  feed(domain);
  for (const char c : model_key) feed(static_cast<unsigned char>(c));
  feed(0);
  for (const char c : tensor_name) feed(static_cast<unsigned char>(c));
  return hash;
}

std::array<std::uint32_t, 4> RandomStream::words(std::uint64_t group) const {
  const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
  const auto high = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
  const r123::Philox4x32::ctr_type counter{{low(group), high(group), low(stream), high(stream)}};
  const r123::Philox4x32::key_type key{{low(seed), high(seed)}};
  const auto words = r123::Philox4x32{}(counter, key);
  return {words[0], words[1], words[2], words[3]};
}

namespace {

/// In (0, 1).
double fraction(std::uint32_t word) { return (static_cast<double>(word) + 0.5) / 4294967296.0; }

std::array<double, 4> values_of(Distribution distribution, const std::array<std::uint32_t, 4>& words) {
  std::array<double, 4> values{};
  for (std::size_t i = 0; i < 4; i += 2) {
    const double u0 = fraction(words[i]), u1 = fraction(words[i + 1]);
    if (distribution == Distribution::uniform) {
      values[i] = 2.0 * u0 - 1.0;
      values[i + 1] = 2.0 * u1 - 1.0;
      continue;
    }
    const double radius = std::sqrt(-2.0 * logarithm(u0)), angle = 2.0 * std::numbers::pi * u1;
    values[i] = radius * cosine(angle);
    values[i + 1] = radius * sine(angle);
  }
  return values;
}

}  // namespace

void draw(Distribution distribution, const RandomStream& stream, std::uint64_t first, std::span<double> values) {
  for (std::size_t done = 0; done < values.size();) {
    const std::uint64_t at = first + done;
    const std::array<double, 4> four = values_of(distribution, stream.words(at / 4));
    for (std::size_t i = at % 4; i < 4 && done < values.size(); ++i) values[done++] = four[i];
  }
}

std::uint64_t keep_threshold(double p) {
  constexpr double two_to_32 = 4294967296.0;
  return std::min<std::uint64_t>(std::uint64_t{1} << 32, static_cast<std::uint64_t>(p * two_to_32));
}

}  // namespace stockpot
