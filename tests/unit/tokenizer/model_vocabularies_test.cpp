#include "tokenizer/model_vocabularies.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/build_tokenizer.hpp"
#include "support/error_of.hpp"

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

TEST(ModelVocabularies, InfinityBesideATokenizerIsReadAsPythonWritesIt) {
  std::vector<ModelTokenizer> models{model("base", abc), model("x", abc)};
  models[0].tokenizer_config = R"({"model_max_length": Infinity, "added_tokens_decoder": {}})";
  models[1].tokenizer_config =
      R"({"model_max_length": NaN, "added_tokens_decoder": {"5": {"content": "<x>", "special": true}}})";
  const Build built = build(from(Source::union_of_all), models);
  EXPECT_THAT(built.codes(), IsEmpty());
  EXPECT_THAT(built.tokens(), ElementsAre("a:0", "b:1", "c:2", "ab:3", "<s>:4+", "<x>:5+"));
  EXPECT_THAT(built.file("tokenizer_config.json"), testing::StartsWith("{\n  \"model_max_length\": Infinity,\n"));
  models[0].tokenizer = R"({"version": Infinity})";
  const Error error = test::error_of([&] { build(from(Source::union_of_all), models); });
  EXPECT_THAT(error.what(), testing::HasSubstr("FMT022")) << "not in tokenizer.json itself, which is not Python's";
}

}  // namespace
}  // namespace stockpot::tokenizer
