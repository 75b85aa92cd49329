#include "plan/known_heads.hpp"

#include <algorithm>
#include <array>

namespace stockpot::plan {
namespace {

struct KnownHead {
  std::string_view class_ending, embedding, head;
};

// Files name a head beside the model's root, whatever that is called. Masked language models are not here: their heads
// have a bias that is tied, too. Nor is Zamba, whose layers share blocks by the same switch of config.json: an output
// without tied embeddings would need each of them stored.
constexpr std::string_view sharing_layers = "Zamba";
constexpr std::array known_heads{
    KnownHead{"GPTNeoXForCausalLM", "gpt_neox.embed_in.weight", "embed_out.weight"},
    KnownHead{"ForCausalLM", "model.embed_tokens.weight", "lm_head.weight"},
    KnownHead{"ForCausalLM", "model.decoder.embed_tokens.weight", "lm_head.weight"},
    KnownHead{"ForCausalLM", "transformer.wte.weight", "lm_head.weight"},
    KnownHead{"ForCausalLM", "transformer.word_embeddings.weight", "lm_head.weight"},
    KnownHead{"ForCausalLM", "backbone.embeddings.weight", "lm_head.weight"},
    KnownHead{"LMHeadModel", "transformer.wte.weight", "lm_head.weight"},
    KnownHead{"LMHeadModel", "wte.weight", "lm_head.weight"},
    KnownHead{"ForConditionalGeneration", "language_model.model.embed_tokens.weight", "language_model.lm_head.weight"},
    KnownHead{"ForConditionalGeneration", "model.language_model.embed_tokens.weight", "lm_head.weight"},
    KnownHead{"VLForConditionalGeneration", "model.embed_tokens.weight", "lm_head.weight"},
    KnownHead{"ForConditionalGeneration", "shared.weight", "lm_head.weight"},
};

}  // namespace

std::string_view known_head(std::string_view architecture, std::string_view embedding) {
  if (architecture.starts_with(sharing_layers)) return {};
  const auto at = std::ranges::find_if(known_heads, [&](const KnownHead& known) {
    return architecture.ends_with(known.class_ending) && embedding == known.embedding;
  });
  return at == known_heads.end() ? std::string_view() : at->head;
}

}  // namespace stockpot::plan
