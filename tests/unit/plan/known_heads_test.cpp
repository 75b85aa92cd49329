// Names of heads by architecture, as released files of untied models of the same class have them.
#include "plan/known_heads.hpp"

#include <gtest/gtest.h>

namespace stockpot::plan {
namespace {

TEST(KnownHeads, StandBesideTheRootOfTheModel) {
  EXPECT_EQ(known_head("Gemma2ForCausalLM", "model.embed_tokens.weight"), "lm_head.weight");
  EXPECT_EQ(known_head("GPT2LMHeadModel", "transformer.wte.weight"), "lm_head.weight");
  EXPECT_EQ(known_head("GPT2LMHeadModel", "wte.weight"), "lm_head.weight");
  EXPECT_EQ(known_head("GPTNeoXForCausalLM", "gpt_neox.embed_in.weight"), "embed_out.weight");
  EXPECT_EQ(known_head("MambaForCausalLM", "backbone.embeddings.weight"), "lm_head.weight");
}

TEST(KnownHeads, OfVisionModelsDependOnTheAgeOfTheFile) {
  EXPECT_EQ(known_head("Gemma3ForConditionalGeneration", "language_model.model.embed_tokens.weight"),
            "language_model.lm_head.weight");
  EXPECT_EQ(known_head("Qwen2VLForConditionalGeneration", "model.embed_tokens.weight"), "lm_head.weight");
  EXPECT_EQ(known_head("Gemma3ForConditionalGeneration", "model.language_model.embed_tokens.weight"), "lm_head.weight");
}

TEST(KnownHeads, NothingIsMadeUp) {
  EXPECT_EQ(known_head("BertModel", "embeddings.word_embeddings.weight"), "");
  EXPECT_EQ(known_head("BertForMaskedLM", "bert.embeddings.word_embeddings.weight"), "");
  EXPECT_EQ(known_head("Zamba2ForCausalLM", "model.embed_tokens.weight"), "");
  EXPECT_EQ(known_head("LlamaForSequenceClassification", "model.embed_tokens.weight"), "");
  EXPECT_EQ(known_head("OddForCausalLM", "odd.embed_tokens.weight"), "");
}

}  // namespace
}  // namespace stockpot::plan
