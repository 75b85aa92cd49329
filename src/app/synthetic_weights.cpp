#include "app/synthetic_weights.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/random.hpp"
#include "core/simd.hpp"

namespace stockpot::app {
namespace {

// Domains 0 and 1 are what merges draw from: synthetic weights must not be correlated with their masks.
constexpr std::uint8_t synthetic_domain = 2;

constexpr float weight_deviation = 0.02f;
constexpr float change_deviation = 0.001f;

constexpr std::uint32_t stir(std::uint32_t word) { return word * 0x9E3779B9u; }

/// A word for one tuned model out of the base's word: a draw of its own would cost five times as much. The finalizer of
/// MurmurHash3, in which every bit of the result depends on every bit of the argument.
constexpr std::uint32_t mixed(std::uint32_t word) {
  word = (word ^ (word >> 16)) * 0x85EBCA6Bu;
  word = (word ^ (word >> 13)) * 0xC2B2AE35u;
  return word ^ (word >> 16);
}

/// The sum of four uniform bytes is near normal with mean 510 and deviation 147.8; a fraction keeps values from
/// repeating.
constexpr float near_normal(std::uint32_t word) {
  const auto bytes = static_cast<std::int32_t>((word & 255u) + (word >> 8 & 255u) + (word >> 16 & 255u) + (word >> 24));
  const auto fraction = static_cast<float>(static_cast<std::int32_t>(stir(word) >> 8)) * 0x1p-24f;
  return (static_cast<float>(bytes) + fraction - 510.5f) * (1.0f / 147.8f);
}

/// 1, or 0 in one case out of eight.
constexpr float is_changed(std::uint32_t word) { return stir(word) >> 29 == 0 ? 0.0f : 1.0f; }

}  // namespace

SyntheticTensor::SyntheticTensor(std::uint64_t seed, const TensorInfo& tensor) : seed_(seed), name_(tensor.name) {
  centre_ = tensor.shape.size() == 1 && name_.ends_with(".weight") ? 1.0f : 0.0f;
  // Fine-tuning moves some tensors more than others: a factor between 0.5 and 2, so that statistics of the whole model
  // and of one tensor differ. A cubed normal has deviation sqrt(15).
  const auto draw = static_cast<float>(stream_of(synthetic_domain, "scale", name_) >> 40) * 0x1p-24f;
  change_scale_ = change_deviation * (0.5f + 1.5f * draw) / 3.873f;
}

void SyntheticTensor::draw(ElementRange range, std::span<std::uint32_t> words) const {
  const RandomStream random{seed_, stream_of(synthetic_domain, "base", name_)};
  const std::uint64_t whole = range.count - range.count % 4;
  for (std::uint64_t i = 0; i < whole; i += 4) {
    const auto four = random.words((range.first + i) / 4);
    std::copy(four.begin(), four.end(), words.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (std::uint64_t i = whole; i < range.count; ++i) words[i] = random.word(range.first + i);
}

void SyntheticTensor::base(std::span<const std::uint32_t> words, std::span<float> out) const {
  const auto kernel = [](const std::uint32_t* word, float* value, std::size_t count, float centre) {
    for (std::size_t i = 0; i < count; ++i) value[i] = centre + weight_deviation * near_normal(word[i]);
  };
  dispatch(kernel, words.data(), out.data(), out.size(), centre_);
}

void SyntheticTensor::tuned(std::uint64_t tune, std::span<const std::uint32_t> words, std::span<const float> base,
                            std::span<float> out) const {
  const auto key = static_cast<std::uint32_t>(stream_of(synthetic_domain, fmt::format("tune-{}", tune), name_) >> 32);
  const auto kernel = [](const std::uint32_t* word, const float* from, float* value, std::size_t count,
                         std::uint32_t model, float scale) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t own = mixed(word[i] ^ model);
      const float z = near_normal(own);
      value[i] = from[i] + is_changed(own) * (scale * z * z * z);
    }
  };
  dispatch(kernel, words.data(), base.data(), out.data(), out.size(), key, change_scale_);
}

}  // namespace stockpot::app
