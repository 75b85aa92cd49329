// Numbers of a config.json by which a layer's place says what kind it is: "every fourth has experts".
//
// Layers that change places keep their tensors, and so their kind. The numbers have to say so; if no numbers can, the
// checkpoint does not load.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "io/json_text.hpp"

namespace stockpot::io {

/// Of two kinds, by output layer: whether it is the second.
using LayerKinds = std::vector<bool>;

struct LayerRule {
  using OfLayer = std::function<bool(std::uint64_t layer)>;

  std::string_view keys;      ///< for messages: "attn_layer_period and attn_layer_offset"
  std::string_view list;      ///< an array of this name says it instead; may be empty
  std::string_view kinds[2];  ///< "mamba", "attention"
  bool of_tensors = true;     ///< layers of one kind have other tensors than those of the other
  std::string_view excuse;    ///< with an array of this name no reader that knows it asks for the numbers
  /// @return nothing where the object, of a model of `layers` layers, does not have this rule.
  std::optional<OfLayer> (*read)(const JsonText& object, std::uint64_t layers) = nullptr;
  /// Makes the rule, or the list in its stead, say so, if it can. Requires an object that has the rule.
  void (*write)(JsonText& object, const LayerKinds& wanted) = nullptr;

  /// read(), unless the list is there.
  std::optional<OfLayer> applied(const JsonText& object, std::uint64_t layers) const;
};

const std::vector<LayerRule>& layer_rules();

}  // namespace stockpot::io
