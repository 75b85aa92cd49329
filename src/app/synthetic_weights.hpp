// Weights that look like those of a language model and its fine-tuned children, each a function of (seed, model,
// tensor, element) alone: any thread can make any block.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/range.hpp"
#include "core/tensor.hpp"

namespace stockpot::app {

/// One tensor of a family: a base model and models 1, 2, ... fine-tuned from it.
class SyntheticTensor {
 public:
  SyntheticTensor(std::uint64_t seed, const TensorInfo& tensor);

  /// One random word per element: what both functions below make values of.
  /// @pre range.first is a multiple of 4.
  void draw(ElementRange range, std::span<std::uint32_t> words) const;

  /// Near normal with deviation 0.02, around 1 for the weights of normalisation layers and around 0 else.
  void base(std::span<const std::uint32_t> words, std::span<float> out) const;

  /// The base plus a change with heavy tails (a cubed normal, deviation about 0.001) that is exactly 0 in one element
  /// out of eight.
  /// @param tune  from 1.   @param base  what base() made of `words`.
  void tuned(std::uint64_t tune, std::span<const std::uint32_t> words, std::span<const float> base,
             std::span<float> out) const;

 private:
  std::uint64_t seed_;
  std::string name_;
  float centre_;
  float change_scale_;
};

}  // namespace stockpot::app
