#include "tokenizer/model_vocabularies.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/build_tokenizer.hpp"

namespace stockpot::tokenizer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ModelVocabularies, AModelWithoutATokenizerHasTheAnchorsIds) {
  std::vector<ModelTokenizer> models{model("base", abc), model("x", "")};
  models[1].tokenizer.reset();
  const Build built = build(from(Source::union_of_all), models);
  EXPECT_THAT(built.codes(), ElementsAre("TOK001"));
  EXPECT_THAT(built.output.vocabulary.own_ids, ElementsAre(ElementsAre(0, 1, 2, 3, 4), ElementsAre(0, 1, 2, 3, 4)));
}

TEST(ModelVocabularies, WithoutATokenizerOfTheAnchorThereIsNone) {
  std::vector<ModelTokenizer> models{model("base", abc), model("x", abc)};
  models[0].tokenizer.reset();
  const Build built = build(from(Source::union_of_all), models);
  EXPECT_THAT(built.codes(), ElementsAre("TOK002!"));
  EXPECT_THAT(built.output.files, IsEmpty());
  EXPECT_THAT(build(from_model("base"), models, 1).codes(), ElementsAre("TOK002!"))
      << "nor from the model that is named";
}

TEST(ModelVocabularies, ATokenizerOfAnotherKindHasToBeConvertedUnlessItIsNotNeeded) {
  std::vector<ModelTokenizer> models{model("base", abc), model("x", "")};
  models[1].tokenizer.reset();
  models[1].other_files = true;
  EXPECT_THAT(build(from(Source::union_of_all), models).codes(), ElementsAre("TOK003!"));
  EXPECT_THAT(build(from(Source::base), models).codes(), ElementsAre("TOK003"));
  EXPECT_THAT(build(from(Source::base), models, 1).codes(), ElementsAre("TOK003!"));
}

}  // namespace
}  // namespace stockpot::tokenizer
