// Made-up tensors that look like fine-tuned checkpoints.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/run_method.hpp"

namespace stockpot::test {

/// Base and models as fine-tunes of BF16 checkpoints look: few distinct changes, many of them zero, some of any value.
template <class T>
HandTensor<T> random_tensor(std::size_t elements, std::size_t models, std::uint64_t seed, std::string name = "t") {
  std::mt19937_64 random(seed);
  const auto small = [&](int range) {
    return static_cast<T>(static_cast<int>(random() % static_cast<unsigned>(2 * range + 1)) - range);
  };
  HandTensor<T> tensor{.name = std::move(name), .shape = {}, .base = std::vector<T>(elements), .models = {}};
  for (T& value : tensor.base) value = small(64) / T(32);
  tensor.models.assign(models, tensor.base);
  for (auto& model : tensor.models) {
    for (T& value : model) {
      const bool grid = random() % 4 != 0;
      value += grid ? small(6) / T(64) : small(1'000'000) / T(7'654'321);
    }
  }
  return tensor;
}

}  // namespace stockpot::test
