// Decoders that call their layers model.layers.
#include "families.hpp"

namespace stockpot::plan {
namespace {

const Texts llama{"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight",
                  "self_attn.o_proj.weight", "mlp.gate_proj.weight",    "mlp.up_proj.weight",
                  "mlp.down_proj.weight",    "input_layernorm.weight",  "post_attention_layernorm.weight"};

Texts with(Texts list, const Texts& more) {
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

/// Those of single experts, as Qwen and DeepSeek or as Mixtral spell them.
Texts experts(int count, const std::string& holder, const Texts& roles) {
  Texts all{holder + ".gate.weight"};
  for (int e = 0; e < count; ++e) {
    for (const auto& role : roles) all.push_back(fmt::format("{}.experts.{}.{}.weight", holder, e, role));
  }
  return all;
}

const Texts gated{"gate_proj", "up_proj", "down_proj"};

const Texts attention{"self_attn.q_proj.weight", "self_attn.o_proj.weight", "input_layernorm.weight"};

/// A decoder with one stack, model.layers.
Family decoder(std::string title, std::string architecture, const Texts& suffixes,
               std::map<std::string, std::string> loose = {{"model.embed_tokens.weight", "before default"},
                                                           {"model.norm.weight", "after default"},
                                                           {"lm_head.weight", "after default"}}) {
  return {std::move(title),
          std::move(architecture),
          {{"num_hidden_layers", 3}},
          {"model.layers 3 num_hidden_layers"},
          "default",
          {{"model.layers", "default", 3, suffixes}},
          std::move(loose)};
}

}  // namespace

std::vector<Family> decoders() {
  std::vector<Family> all{
      decoder("Llama", "LlamaForCausalLM", llama),
      decoder("Llama that classifies", "LlamaForSequenceClassification", llama,
              {{"model.embed_tokens.weight", "before default"},
               {"model.norm.weight", "after default"},
               {"score.weight", "after default"}}),
      decoder("Qwen2", "Qwen2ForCausalLM", with(llama, {"self_attn.q_proj.bias", "self_attn.k_proj.bias"})),
      decoder("Gemma2, tied", "Gemma2ForCausalLM", with(llama, {"pre_feedforward_layernorm.weight"}),
              {{"model.embed_tokens.weight", "before default"}, {"model.norm.weight", "after default"}}),
      decoder("Phi", "PhiForCausalLM", {"self_attn.q_proj.weight", "mlp.fc1.bias", "input_layernorm.bias"},
              {{"model.embed_tokens.weight", "before default"},
               {"model.final_layernorm.weight", "after default"},
               {"lm_head.bias", "after default"}}),
      decoder("InternLM2", "InternLM2ForCausalLM",
              {"attention.wqkv.weight", "feed_forward.w1.weight", "ffn_norm.weight"},
              {{"model.tok_embeddings.weight", "before default"},
               {"model.norm.weight", "after default"},
               {"output.weight", "after default"}}),
      decoder("Qwen3-MoE, single experts", "Qwen3MoeForCausalLM", with(attention, experts(8, "mlp", gated))),
      decoder("Qwen3-MoE, stacked experts", "Qwen3MoeForCausalLM",
              with(attention, {"mlp.gate.weight", "mlp.experts.gate_up_proj", "mlp.experts.down_proj"})),
      decoder("Mixtral", "MixtralForCausalLM", with(attention, experts(8, "block_sparse_moe", {"w1", "w2", "w3"}))),
  };
  // Dense layer 0, experts in 1 and 2; entry 3 predicts a further token and has embedding and head of its own.
  Family deepseek = decoder("DeepSeek-V3", "DeepseekV3ForCausalLM", attention);
  deepseek.prediction_layers = 1;
  deepseek.layers.push_back({"model.layers", "default", 1, {"mlp.gate_proj.weight", "mlp.up_proj.weight"}});
  deepseek.layers.push_back({"model.layers", "default", 2, experts(32, "mlp", gated), 1});
  for (const auto& suffix : with(with(attention, experts(32, "mlp", gated)),
                                 {"embed_tokens.weight", "enorm.weight", "hnorm.weight", "eh_proj.weight",
                                  "shared_head.norm.weight", "shared_head.head.weight"})) {
    deepseek.loose["model.layers.3." + suffix] = "after default";
  }
  all.push_back(deepseek);
  return all;
}

}  // namespace stockpot::plan
