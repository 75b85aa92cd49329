// The tensors of each family, as its released checkpoints name and shape them.
#include <algorithm>
#include <array>
#include <utility>

#include "core/architectures.hpp"

namespace stockpot {
namespace {

/// Writes down tensors of one architecture. Linear layers are [outputs, inputs], as PyTorch stores them.
class Sheet {
 public:
  Sheet(const Architecture& architecture, DType dtype) : a_(architecture), dtype_(dtype) {}

  std::vector<TensorInfo> tensors() {
    switch (a_.family) {
      case Family::gpt2:
        gpt2();
        break;
      case Family::bert:
        bert();
        break;
      default:
        decoder();
        break;
    }
    std::sort(list_.begin(), list_.end(), [](const auto& x, const auto& y) { return x.name < y.name; });
    return std::move(list_);
  }

 private:
  void add(std::string name, Shape shape) { list_.push_back({std::move(name), dtype_, std::move(shape)}); }
  void add(std::string name, DType dtype, Shape shape) { list_.push_back({std::move(name), dtype, std::move(shape)}); }
  void with_bias(const std::string& name, std::uint64_t outputs, std::uint64_t inputs) {
    add(name + ".weight", {outputs, inputs});
    add(name + ".bias", {outputs});
  }
  void layer_norm(const std::string& name) {
    add(name + ".weight", {a_.hidden});
    add(name + ".bias", {a_.hidden});
  }

  void decoder() {
    add("model.embed_tokens.weight", {a_.vocabulary, a_.hidden});
    for (std::uint64_t k = 0; k < a_.layers; ++k) decoder_layer(k);
    add("model.norm.weight", {a_.hidden});
    if (!a_.tied_head) add("lm_head.weight", {a_.vocabulary, a_.hidden});
  }

  void decoder_layer(std::uint64_t k) {
    const std::string layer = "model.layers." + std::to_string(k);
    add(layer + ".input_layernorm.weight", {a_.hidden});
    add(layer + ".post_attention_layernorm.weight", {a_.hidden});
    const bool dense = a_.experts.count == 0 || k < a_.experts.dense_layers;
    if (a_.family == Family::deepseek) {
      latent_attention(layer + ".self_attn");
    } else {
      grouped_attention(layer + ".self_attn");
    }
    if (dense) {
      gated(layer + ".mlp", a_.intermediate, {"gate_proj", "up_proj", "down_proj"});
    } else if (a_.family == Family::mixtral) {
      mixtral_experts(layer + ".block_sparse_moe");
    } else {
      deepseek_experts(layer + ".mlp");
    }
  }

  void grouped_attention(const std::string& block) {
    const std::uint64_t kv = a_.kv_heads * a_.head_dim();
    for (const auto& [name, outputs] : {std::pair{".q_proj", a_.hidden}, {".k_proj", kv}, {".v_proj", kv}}) {
      add(block + name + ".weight", {outputs, a_.hidden});
      if (a_.family == Family::qwen2) add(block + name + ".bias", {outputs});
    }
    add(block + ".o_proj.weight", {a_.hidden, a_.hidden});
  }

  void latent_attention(const std::string& block) {
    const auto& l = a_.latent;
    add(block + ".q_a_proj.weight", {l.q_rank, a_.hidden});
    add(block + ".q_a_layernorm.weight", {l.q_rank});
    add(block + ".q_b_proj.weight", {a_.heads * (l.nope_head + l.rope_head), l.q_rank});
    add(block + ".kv_a_proj_with_mqa.weight", {l.kv_rank + l.rope_head, a_.hidden});
    add(block + ".kv_a_layernorm.weight", {l.kv_rank});
    add(block + ".kv_b_proj.weight", {a_.heads * (l.nope_head + l.value_head), l.kv_rank});
    add(block + ".o_proj.weight", {a_.hidden, a_.heads * l.value_head});
  }

  void gated(const std::string& block, std::uint64_t width, std::array<std::string_view, 3> gate_up_down) {
    const auto named = [&](std::size_t part) { return (block + ".").append(gate_up_down[part]).append(".weight"); };
    add(named(0), {width, a_.hidden});
    add(named(1), {width, a_.hidden});
    add(named(2), {a_.hidden, width});
  }

  void mixtral_experts(const std::string& block) {
    add(block + ".gate.weight", {a_.experts.count, a_.hidden});
    for (std::uint64_t e = 0; e < a_.experts.count; ++e) {
      gated(block + ".experts." + std::to_string(e), a_.experts.intermediate, {"w1", "w3", "w2"});
    }
  }

  void deepseek_experts(const std::string& block) {
    add(block + ".gate.weight", {a_.experts.count, a_.hidden});
    add(block + ".gate.e_score_correction_bias", DType::f32, {a_.experts.count});
    gated(block + ".shared_experts", a_.experts.intermediate, {"gate_proj", "up_proj", "down_proj"});
    for (std::uint64_t e = 0; e < a_.experts.count; ++e) {
      gated(block + ".experts." + std::to_string(e), a_.experts.intermediate, {"gate_proj", "up_proj", "down_proj"});
    }
  }

  void gpt2() {  // its linear layers are stored transposed: [inputs, outputs]
    const auto transposed = [this](const std::string& name, std::uint64_t inputs, std::uint64_t outputs) {
      add(name + ".weight", {inputs, outputs});
      add(name + ".bias", {outputs});
    };
    add("wte.weight", {a_.vocabulary, a_.hidden});
    add("wpe.weight", {a_.positions, a_.hidden});
    for (std::uint64_t k = 0; k < a_.layers; ++k) {
      const std::string layer = "h." + std::to_string(k);
      layer_norm(layer + ".ln_1");
      transposed(layer + ".attn.c_attn", a_.hidden, 3 * a_.hidden);
      transposed(layer + ".attn.c_proj", a_.hidden, a_.hidden);
      layer_norm(layer + ".ln_2");
      transposed(layer + ".mlp.c_fc", a_.hidden, a_.intermediate);
      transposed(layer + ".mlp.c_proj", a_.intermediate, a_.hidden);
    }
    layer_norm("ln_f");
  }

  void bert() {
    add("embeddings.word_embeddings.weight", {a_.vocabulary, a_.hidden});
    add("embeddings.position_embeddings.weight", {a_.positions, a_.hidden});
    add("embeddings.token_type_embeddings.weight", {2, a_.hidden});
    add("embeddings.position_ids", DType::i64, {1, a_.positions});
    layer_norm("embeddings.LayerNorm");
    for (std::uint64_t k = 0; k < a_.layers; ++k) {
      const std::string layer = "encoder.layer." + std::to_string(k);
      for (const char* part : {".query", ".key", ".value"}) {
        with_bias(layer + ".attention.self" + part, a_.hidden, a_.hidden);
      }
      with_bias(layer + ".attention.output.dense", a_.hidden, a_.hidden);
      layer_norm(layer + ".attention.output.LayerNorm");
      with_bias(layer + ".intermediate.dense", a_.intermediate, a_.hidden);
      with_bias(layer + ".output.dense", a_.hidden, a_.intermediate);
      layer_norm(layer + ".output.LayerNorm");
    }
    with_bias("pooler.dense", a_.hidden, a_.hidden);
  }

  const Architecture& a_;
  DType dtype_;
  std::vector<TensorInfo> list_;
};

}  // namespace

std::vector<TensorInfo> architecture_tensors(std::string_view name, DType dtype) {
  return Sheet(find_architecture(name), dtype).tensors();
}

}  // namespace stockpot
