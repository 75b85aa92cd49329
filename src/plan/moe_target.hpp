// The sparse architectures that dense models can be put together to: who fits, what tensors are called, what config.json
// says. Facts of the public model definitions.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config_edits.hpp"
#include "recipe/moe.hpp"

namespace stockpot::plan {

/// The three matrices of a gated feed-forward block.
enum class FeedForward { gate, up, down };
inline constexpr std::array feed_forward{FeedForward::gate, FeedForward::up, FeedForward::down};
/// As dense models call it, behind the layer: "mlp.gate_proj.weight".
std::string_view dense_name(FeedForward matrix);

struct MoeTarget {
  recipe::MoeArchitecture architecture;
  std::string_view title;                     ///< for messages
  std::string_view class_name, model_type;    ///< of config.json
  std::span<const std::string_view> accepts;  ///< model types of the dense models
  std::uint64_t least_shared = 0, most_shared = 0;
  bool shared_prompts = false;                      ///< shared experts are gated: their rows are made from prompts
  bool fused = true;                                ///< there is a fused layout
  std::span<const std::string_view> layer_tensors;  ///< of a layer outside the block, behind the layer's name

  bool takes(std::string_view model_type) const;
};

/// In order of preference.
std::span<const MoeTarget> moe_targets();

/// Names behind the layer's.
std::string expert_name(const MoeTarget& target, std::uint64_t expert, FeedForward matrix);
std::string shared_name(const MoeTarget& target, FeedForward matrix);
std::string router_name(const MoeTarget& target, recipe::ExpertLayout layout);
inline constexpr std::string_view shared_gate_name = "mlp.shared_expert_gate.weight";
inline constexpr std::string_view fused_gate_up_name = "mlp.experts.gate_up_proj";
inline constexpr std::string_view fused_down_name = "mlp.experts.down_proj";

/// What the output's config.json says other than the base model's.
struct MoeNumbers {
  std::uint64_t experts = 0, shared = 0, per_token = 0, intermediate_size = 0;
  bool stores_head = true;
};
std::vector<ConfigEdits::Assignment> config_of(const MoeTarget& target, std::string_view dense_type,
                                               const MoeNumbers& numbers);

}  // namespace stockpot::plan
