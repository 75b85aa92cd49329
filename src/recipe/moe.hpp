// Mixture-of-experts documents: dense models become the experts of one sparse model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/model_reference.hpp"

namespace stockpot::recipe {

struct Expert {
  ModelReference model;
  std::vector<std::string> positive_prompts, negative_prompts;
  bool misread_prompts = false;  ///< positive ones; that was reported
  double noise_scale = 0.0;      ///< standard deviation of what is added to its tensors; not negative
  double residual_scale = 1.0;   ///< factor of its down_proj
  Position at;
};

/// How router rows are made.
enum class GateMode { hidden, hidden_avg, hidden_last, cheap_embed, random, uniform_random };
enum class MoeArchitecture { mixtral, deepseek, qwen2_moe, qwen3_moe };
/// One tensor for each expert, or one for all experts of a layer.
enum class ExpertLayout { hub, fused };

struct MoeRequest {
  std::vector<Expert> experts, shared_experts;
  std::optional<MoeArchitecture> architecture;  ///< nothing: the first that takes the models
  GateMode gate_mode = GateMode::hidden;
  std::uint64_t experts_per_token = 2;
  ExpertLayout layout = ExpertLayout::hub;
  Position experts_at, shared_at, architecture_at, gate_at, layout_at;

  /// Rows come from hidden states: of a model that ran elsewhere.
  bool has_hidden_gates() const { return !has_random_gates() && gate_mode != GateMode::cheap_embed; }
  bool has_random_gates() const { return gate_mode == GateMode::random || gate_mode == GateMode::uniform_random; }
  /// All experts are one model. Reported only by those who know whether that is meant (MOE005).
  bool has_equal_experts() const;
};

std::string_view name(GateMode mode);
std::string_view name(MoeArchitecture architecture);
std::string_view name(ExpertLayout layout);

}  // namespace stockpot::recipe
