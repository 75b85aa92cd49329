#include "plan/moe_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace stockpot::plan {
namespace {

using recipe::MoeArchitecture;
using Assignment = ConfigEdits::Assignment;
using How = Assignment::How;

constexpr std::array<std::string_view, 2> llamas{"llama", "mistral"};
constexpr std::array<std::string_view, 3> llamas_and_qwen2{"llama", "mistral", "qwen2"};
constexpr std::array<std::string_view, 1> qwen3{"qwen3"};

constexpr std::array<std::string_view, 11> all_layer_tensors{
    "input_layernorm.weight",  "post_attention_layernorm.weight", "self_attn.q_proj.weight", "self_attn.k_proj.weight",
    "self_attn.v_proj.weight", "self_attn.o_proj.weight",                                   // without biases up to here
    "self_attn.q_proj.bias",   "self_attn.k_proj.bias",           "self_attn.v_proj.bias",  // qwen2_moe up to here
    "self_attn.q_norm.weight", "self_attn.k_norm.weight"};
constexpr std::span<const std::string_view> every{all_layer_tensors};
constexpr std::array<std::string_view, 8> qwen3_layer_tensors{
    "input_layernorm.weight",  "post_attention_layernorm.weight", "self_attn.q_proj.weight", "self_attn.k_proj.weight",
    "self_attn.v_proj.weight", "self_attn.o_proj.weight",         "self_attn.q_norm.weight", "self_attn.k_norm.weight"};

constexpr std::array targets{
    MoeTarget{.architecture = MoeArchitecture::mixtral,
              .title = "Mixtral",
              .class_name = "MixtralForCausalLM",
              .model_type = "mixtral",
              .accepts = llamas,
              .layer_tensors = every.first(6)},
    MoeTarget{.architecture = MoeArchitecture::deepseek,
              .title = "DeepSeek MoE",
              .class_name = "DeepseekForCausalLM",
              .model_type = "deepseek",
              .accepts = llamas,
              .most_shared = 1,
              .fused = false,
              .layer_tensors = every.first(6)},
    MoeTarget{.architecture = MoeArchitecture::qwen2_moe,
              .title = "Qwen MoE",
              .class_name = "Qwen2MoeForCausalLM",
              .model_type = "qwen2_moe",
              .accepts = llamas_and_qwen2,
              .least_shared = 1,
              .most_shared = 1,
              .shared_prompts = true,
              .layer_tensors = every.first(9)},
    MoeTarget{.architecture = MoeArchitecture::qwen3_moe,
              .title = "Qwen3 MoE",
              .class_name = "Qwen3MoeForCausalLM",
              .model_type = "qwen3_moe",
              .accepts = qwen3,
              .layer_tensors = qwen3_layer_tensors},
};

std::string_view matrix_name(FeedForward matrix) {
  constexpr std::array<std::string_view, 3> names{"gate_proj", "up_proj", "down_proj"};
  return names[static_cast<std::size_t>(matrix)];
}

/// Old files leave out what is their class's default; the sparse class may have another.
void keep_defaults(std::string_view dense_type, bool stores_head, std::vector<Assignment>& to) {
  const bool llama = dense_type == "llama", mistral = dense_type == "mistral";
  const auto keep = [&](const std::string& key, std::string value) {
    to.push_back({key, std::move(value), How::set, {key}});
  };
  if (llama) {
    to.push_back({"num_key_value_heads", "num_attention_heads", How::copy, {"num_key_value_heads"}});
  } else {
    keep("num_key_value_heads", mistral ? "8" : "32");
  }
  keep("max_position_embeddings", llama ? "2048" : mistral ? "131072" : "32768");
  keep("rms_norm_eps", "1e-06");
  keep("tie_word_embeddings", stores_head ? "false" : "true");
  to.push_back({"rope_theta", "10000.0", How::set, {"rope_theta", "rope_parameters"}});
  if (dense_type == "qwen3") keep("head_dim", "128");
}

void add_qwen(const MoeNumbers& numbers, bool with_shared, std::vector<Assignment>& to) {
  const std::string size = fmt::to_string(numbers.intermediate_size);
  to.push_back({"num_experts", fmt::to_string(numbers.experts)});
  to.push_back({"decoder_sparse_step", "1"});
  to.push_back({"norm_topk_prob", "true"});
  to.push_back({"moe_intermediate_size", size});
  if (with_shared) to.push_back({"shared_expert_intermediate_size", size});
  to.push_back({"use_sliding_window", "false"});
  to.push_back({"sliding_window", "null"});
}

void add_deepseek(const MoeNumbers& numbers, std::vector<Assignment>& to) {
  to.push_back({"n_routed_experts", fmt::to_string(numbers.experts)});
  to.push_back({"n_shared_experts", numbers.shared > 0 ? fmt::to_string(numbers.shared) : "null"});
  to.push_back({"first_k_dense_replace", "0"});
  to.push_back({"moe_layer_freq", "1"});
  to.push_back({"scoring_func", R"("softmax")"});
  to.push_back({"norm_topk_prob", "true"});
  to.push_back({"moe_intermediate_size", fmt::to_string(numbers.intermediate_size)});
  to.push_back(
      {"auto_map", R"({"AutoConfig": "deepseek-ai/deepseek-moe-16b-base--configuration_deepseek.DeepseekConfig",
      "AutoModel": "deepseek-ai/deepseek-moe-16b-base--modeling_deepseek.DeepseekModel",
      "AutoModelForCausalLM": "deepseek-ai/deepseek-moe-16b-base--modeling_deepseek.DeepseekForCausalLM"})"});
}

}  // namespace

std::string_view dense_name(FeedForward matrix) {
  constexpr std::array<std::string_view, 3> names{"mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"};
  return names[static_cast<std::size_t>(matrix)];
}

bool MoeTarget::takes(std::string_view type) const { return std::ranges::find(accepts, type) != accepts.end(); }

std::span<const MoeTarget> moe_targets() { return targets; }

std::string expert_name(const MoeTarget& target, std::uint64_t expert, FeedForward matrix) {
  if (target.architecture != MoeArchitecture::mixtral) {
    return fmt::format("mlp.experts.{}.{}.weight", expert, matrix_name(matrix));
  }
  constexpr std::array<std::string_view, 3> names{"w1", "w3", "w2"};
  return fmt::format("block_sparse_moe.experts.{}.{}.weight", expert, names[static_cast<std::size_t>(matrix)]);
}

std::string shared_name(const MoeTarget& target, FeedForward matrix) {
  const bool plural = target.architecture == MoeArchitecture::deepseek;
  return fmt::format("mlp.shared_expert{}.{}.weight", plural ? "s" : "", matrix_name(matrix));
}

std::string router_name(const MoeTarget& target, recipe::ExpertLayout layout) {
  const bool old = target.architecture == MoeArchitecture::mixtral && layout == recipe::ExpertLayout::hub;
  return old ? "block_sparse_moe.gate.weight" : "mlp.gate.weight";
}

std::vector<Assignment> config_of(const MoeTarget& target, std::string_view dense_type, const MoeNumbers& numbers) {
  std::vector<Assignment> to;
  to.push_back({"model_type", fmt::format("\"{}\"", target.model_type)});
  to.push_back({"layer_types", "", How::erase});  // the class fills it in: no layer has a window
  switch (target.architecture) {
    case MoeArchitecture::mixtral:
      to.push_back({"num_local_experts", fmt::to_string(numbers.experts)});
      to.push_back({"sliding_window", "null"});
      break;
    case MoeArchitecture::deepseek:
      add_deepseek(numbers, to);
      break;
    case MoeArchitecture::qwen2_moe:
      add_qwen(numbers, true, to);
      break;
    case MoeArchitecture::qwen3_moe:
      add_qwen(numbers, false, to);
      break;
  }
  to.push_back({"num_experts_per_tok", fmt::to_string(numbers.per_token)});
  keep_defaults(dense_type, numbers.stores_head, to);
  return to;
}

}  // namespace stockpot::plan
