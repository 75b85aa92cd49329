// What a model that lies ready says of itself.
#include "engine/model_shelf.hpp"

#include <gtest/gtest.h>

#include "support/catalogues.hpp"

namespace stockpot::engine {
namespace {

std::optional<std::uint64_t> rows(const std::vector<TensorInfo>& tensors, std::optional<std::uint64_t> vocab_size) {
  ShelvedModel model{test::catalogue("a", tensors), io::ModelFolder("a", {})};
  model.catalogue.config.vocab_size = vocab_size;
  return model.token_rows();
}

const TensorInfo text{"model.embed_tokens.weight", DType::f32, {12, 8}};
const TensorInfo questions{"qformer.word_embeddings.weight", DType::f32, {30, 8}};

TEST(ShelvedModel, HasRowsForTheTokensOfTheTextNotForThoseOfAnotherVocabulary) {
  EXPECT_EQ(rows({text, questions}, 12), 12u);
  EXPECT_EQ(rows({text, questions}, std::nullopt), 30u) << "nothing says which is the text's";
}

TEST(ShelvedModel, HasRowsToTheEndOfItsEmbeddingOrToVocabSize) {
  EXPECT_EQ(rows({text}, 10), 12u) << "padding may hold tokens";
  EXPECT_EQ(rows({text}, 14), 14u);
  EXPECT_EQ(rows({}, std::nullopt), std::nullopt);
}

}  // namespace
}  // namespace stockpot::engine
