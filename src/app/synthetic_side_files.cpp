#include "app/synthetic_side_files.hpp"

#include <nlohmann/json.hpp>

#include "io/small_file.hpp"

namespace stockpot::app {
namespace {

using nlohmann::ordered_json;

ordered_json dimensions(const Architecture& a) {
  if (a.family == Family::gpt2) {
    return {{"n_layer", a.layers},
            {"n_embd", a.hidden},
            {"n_head", a.heads},
            {"n_positions", a.positions},
            {"n_ctx", a.positions}};
  }
  ordered_json json{{"num_hidden_layers", a.layers},
                    {"hidden_size", a.hidden},
                    {"intermediate_size", a.intermediate},
                    {"num_attention_heads", a.heads},
                    {"max_position_embeddings", a.positions}};
  if (a.family != Family::bert) json["num_key_value_heads"] = a.kv_heads;
  return json;
}

void add_experts(ordered_json& json, const Architecture& a) {
  if (a.experts.count == 0) return;
  json["num_experts_per_tok"] = a.experts.per_token;
  if (a.family == Family::mixtral) {
    json["num_local_experts"] = a.experts.count;
    return;
  }
  json["n_routed_experts"] = a.experts.count;
  json["n_shared_experts"] = 1;
  json["moe_intermediate_size"] = a.experts.intermediate;
  json["first_k_dense_replace"] = a.experts.dense_layers;
}

void add_latent_attention(ordered_json& json, const Architecture& a) {
  if (a.family != Family::deepseek) return;
  json["q_lora_rank"] = a.latent.q_rank;
  json["kv_lora_rank"] = a.latent.kv_rank;
  json["qk_nope_head_dim"] = a.latent.nope_head;
  json["qk_rope_head_dim"] = a.latent.rope_head;
  json["v_head_dim"] = a.latent.value_head;
}

ordered_json config(const Architecture& a, DType dtype) {
  ordered_json json{{"architectures", {a.class_name}}, {"model_type", a.model_type}};
  json.update(dimensions(a));
  add_experts(json, a);
  add_latent_attention(json, a);
  json["vocab_size"] = a.vocabulary;
  json["tie_word_embeddings"] = a.tied_head;
  json["torch_dtype"] = recipe_name(dtype);
  return json;
}

/// A tokenizer of single letters: small, and in the form that real ones have.
ordered_json tokenizer() {
  ordered_json vocabulary{{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (char letter = 'a'; letter <= 'z'; ++letter) vocabulary[std::string(1, letter)] = vocabulary.size();
  ordered_json special = ordered_json::array();
  for (const char* token : {"<unk>", "<s>", "</s>"}) {
    special.push_back({{"id", vocabulary[token]},
                       {"content", token},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
  }
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", special},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "Whitespace"}}},
          {"post_processor", nullptr},
          {"decoder", nullptr},
          {"model", {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", "<unk>"}}}};
}

}  // namespace

void write_side_files(const std::string& directory, const Architecture& architecture, DType dtype) {
  const auto write = [&](const char* name, const ordered_json& json) {
    io::write_file(directory + "/" + name, json.dump(2) + "\n");
  };
  write("config.json", config(architecture, dtype));
  write("generation_config.json", {{"bos_token_id", 1}, {"eos_token_id", 2}});
  write("tokenizer.json", tokenizer());
  write("tokenizer_config.json", {{"tokenizer_class", "PreTrainedTokenizerFast"},
                                  {"unk_token", "<unk>"},
                                  {"bos_token", "<s>"},
                                  {"eos_token", "</s>"},
                                  {"model_max_length", architecture.positions}});
}

}  // namespace stockpot::app
