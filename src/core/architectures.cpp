#include "core/architectures.hpp"

#include <array>

#include "core/error.hpp"

namespace stockpot {
namespace {

// Sources: config.json of the public releases.
constexpr std::array known{
    Architecture{.name = "tiny-llama",
                 .class_name = "LlamaForCausalLM",
                 .model_type = "llama",
                 .family = Family::llama,
                 .layers = 4,
                 .hidden = 64,
                 .intermediate = 176,
                 .heads = 4,
                 .kv_heads = 2,
                 .vocabulary = 512,
                 .positions = 256},
    Architecture{.name = "bert-base",
                 .class_name = "BertModel",
                 .model_type = "bert",
                 .family = Family::bert,
                 .layers = 12,
                 .hidden = 768,
                 .intermediate = 3072,
                 .heads = 12,
                 .kv_heads = 12,
                 .vocabulary = 30522,
                 .positions = 512},
    Architecture{.name = "gpt2",
                 .class_name = "GPT2LMHeadModel",
                 .model_type = "gpt2",
                 .family = Family::gpt2,
                 .layers = 12,
                 .hidden = 768,
                 .intermediate = 3072,
                 .heads = 12,
                 .kv_heads = 12,
                 .vocabulary = 50257,
                 .positions = 1024,
                 .tied_head = true},
    Architecture{.name = "llama-1b",
                 .class_name = "LlamaForCausalLM",
                 .model_type = "llama",
                 .family = Family::llama,
                 .layers = 16,
                 .hidden = 2048,
                 .intermediate = 8192,
                 .heads = 32,
                 .kv_heads = 8,
                 .vocabulary = 128256,
                 .positions = 131072,
                 .tied_head = true},
    Architecture{.name = "qwen2-7b",
                 .class_name = "Qwen2ForCausalLM",
                 .model_type = "qwen2",
                 .family = Family::qwen2,
                 .layers = 28,
                 .hidden = 3584,
                 .intermediate = 18944,
                 .heads = 28,
                 .kv_heads = 4,
                 .vocabulary = 152064,
                 .positions = 131072},
    Architecture{.name = "llama-8b",
                 .class_name = "LlamaForCausalLM",
                 .model_type = "llama",
                 .family = Family::llama,
                 .layers = 32,
                 .hidden = 4096,
                 .intermediate = 14336,
                 .heads = 32,
                 .kv_heads = 8,
                 .vocabulary = 128256,
                 .positions = 8192},
    Architecture{.name = "mixtral-8x7b",
                 .class_name = "MixtralForCausalLM",
                 .model_type = "mixtral",
                 .family = Family::mixtral,
                 .layers = 32,
                 .hidden = 4096,
                 .intermediate = 14336,
                 .heads = 32,
                 .kv_heads = 8,
                 .vocabulary = 32000,
                 .positions = 32768,
                 .experts = {.count = 8, .per_token = 2, .intermediate = 14336}},
    Architecture{.name = "llama-70b",
                 .class_name = "LlamaForCausalLM",
                 .model_type = "llama",
                 .family = Family::llama,
                 .layers = 80,
                 .hidden = 8192,
                 .intermediate = 28672,
                 .heads = 64,
                 .kv_heads = 8,
                 .vocabulary = 128256,
                 .positions = 8192},
    Architecture{.name = "llama-405b",
                 .class_name = "LlamaForCausalLM",
                 .model_type = "llama",
                 .family = Family::llama,
                 .layers = 126,
                 .hidden = 16384,
                 .intermediate = 53248,
                 .heads = 128,
                 .kv_heads = 8,
                 .vocabulary = 128256,
                 .positions = 131072},
    Architecture{.name = "deepseek-671b",
                 .class_name = "DeepseekV3ForCausalLM",
                 .model_type = "deepseek_v3",
                 .family = Family::deepseek,
                 .layers = 61,
                 .hidden = 7168,
                 .intermediate = 18432,
                 .heads = 128,
                 .kv_heads = 128,
                 .vocabulary = 129280,
                 .positions = 163840,
                 .experts = {.count = 256, .per_token = 8, .intermediate = 2048, .dense_layers = 3},
                 .latent = {.q_rank = 1536, .kv_rank = 512, .nope_head = 128, .rope_head = 64, .value_head = 128}},
    Architecture{.name = "kimi-1t",
                 .class_name = "DeepseekV3ForCausalLM",
                 .model_type = "kimi_k2",
                 .family = Family::deepseek,
                 .layers = 61,
                 .hidden = 7168,
                 .intermediate = 18432,
                 .heads = 64,
                 .kv_heads = 64,
                 .vocabulary = 163840,
                 .positions = 131072,
                 .experts = {.count = 384, .per_token = 8, .intermediate = 2048, .dense_layers = 1},
                 .latent = {.q_rank = 1536, .kv_rank = 512, .nope_head = 128, .rope_head = 64, .value_head = 128}},
};

}  // namespace

std::vector<std::string> architecture_names() {
  std::vector<std::string> names;
  for (const auto& architecture : known) names.emplace_back(architecture.name);
  return names;
}

const Architecture& find_architecture(std::string_view name) {
  for (const auto& architecture : known) {
    if (architecture.name == name) return architecture;
  }
  std::string list;
  for (const auto& architecture : known) (list += list.empty() ? "" : ", ") += architecture.name;
  throw Error(ErrorKind::usage, "unknown architecture '" + std::string(name) + "'").hint("known are: " + list);
}

}  // namespace stockpot
