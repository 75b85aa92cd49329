// From tensor names to layer stacks: only what gradients over depth need.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalogue.hpp"

namespace stockpot::plan {

/// The layer stacks of one model. A name is cut at its first component that is all digits: what comes before is the
/// container, the digits are the layer, what comes after is the suffix. A container is a stack when its layers are
/// 0 ... n-1 and n is a layer count of config.json, or n >= 2 and at least half of a layer's suffixes (on average) are
/// those of every layer. All other names are loose.
class LayerStacks {
 public:
  /// @param names  distinct tensor names.   @param counts  of config.json.
  LayerStacks(std::span<const std::string_view> names, std::span<const ModelConfig::LayerCount> counts);

  /// Depth t in [0, 1] at which gradients are read: layer / (n - 1) in a stack. Loose tensors have 0, but those that
  /// come after the layers (final norm, head) `post_depth`.
  double depth(std::string_view name, double post_depth) const;

  /// l / (L - 1) for a tensor of layer l of L, 0 for L = 1 and for tensors outside layers: where LiNeS has its beta.
  double layer_position(std::string_view name) const;

  /// Layers of the longest stack; 0 if there is none.
  std::uint64_t longest() const;

 private:
  bool is_post(std::string_view loose_name) const;
  std::map<std::string, std::uint64_t, std::less<>> layers_of_;  // by container
};

}  // namespace stockpot::plan
