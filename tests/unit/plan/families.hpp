// Public architectures as lists of tensor names, and where each tensor belongs, written down by hand.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "core/catalogue.hpp"

namespace stockpot::plan {

using Texts = std::vector<std::string>;

/// Tensors of `layers` layers of one container, from index `first` on.
struct Layers {
  std::string container, module;
  int layers = 0;
  Texts suffixes;
  int first = 0;
};

struct Family {
  std::string title, architecture;
  std::vector<ModelConfig::LayerCount> counts;
  Texts stacks;  ///< "container layers key", ascending
  std::string primary;
  std::vector<Layers> layers;
  std::map<std::string, std::string> loose;  ///< name -> "before MODULE" or "after MODULE"
  std::uint64_t prediction_layers = 0;
};

/// How a test names it.
inline void PrintTo(const Family& family, std::ostream* out) { *out << family.title; }

std::vector<Family> decoders();
std::vector<Family> older_decoders();
std::vector<Family> encoders();
std::vector<Family> vision_models();

}  // namespace stockpot::plan
