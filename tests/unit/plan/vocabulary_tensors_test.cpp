// Which tensors follow a vocabulary: several may have the names of embeddings.
#include "plan/vocabulary_tensors.hpp"

#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using testing::ElementsAre;

constexpr const char* text = "thinker.model.embed_tokens.weight";
constexpr const char* codec = "talker.model.embed_tokens.weight";

struct Given {
  std::string name;
  Shape shape;
};

/// The tensors that take their rows by four tokens whose order the output turns round.
std::vector<std::string> following(const std::vector<Given>& tensors, std::optional<std::uint64_t> vocab_size,
                                   const std::string& more = "", std::optional<std::uint64_t> layers = std::nullopt,
                                   bool others_say_so = true) {
  std::vector<TensorInfo> infos{{"model.layers.0.up.weight", DType::f32, {4, 4}},
                                {"model.layers.1.up.weight", DType::f32, {4, 4}}};
  for (const Given& given : tensors) infos.push_back({given.name, DType::f32, given.shape});
  auto models = alike(2, infos);
  for (Catalogue& model : models) {
    if (others_say_so || model.model == "a") model.config.vocab_size = vocab_size;
    if (layers) model.config.layer_counts = {{"num_hidden_layers", *layers}};
  }
  OutputVocabulary vocabulary;
  vocabulary.tokens = vocabulary.rows = 4;
  vocabulary.own_ids = {{3, 2, 1, 0}, {3, 2, 1, 0}};
  vocabulary.used = {1, 1, 1, 1};
  const recipe::Recipe recipe = recipe::parse_recipe(
      "r.yaml", "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: b}]\n" + more);
  const MergePlan plan = make_plan(recipe, recipe.documents.back(), std::move(models), {}, {.vocabulary = &vocabulary});
  std::vector<std::string> found;
  for (const PlannedTensor& tensor : plan.tensors) {
    if (tensor.sources.front().gather != SourceTensor::as_stored) found.push_back(tensor.output.name);
  }
  return found;
}

TEST(VocabularyTensors, AnEmbeddingOfOtherTokensBesideTheTextsStaysAsItIs) {
  EXPECT_THAT(following({{text, {4, 2}}, {codec, {6, 2}}}, 4), ElementsAre(text)) << "more rows than there are tokens";
  EXPECT_THAT(following({{text, {8, 2}}, {codec, {3, 2}}}, 8), ElementsAre(text)) << "fewer";
  EXPECT_THAT(following({{text, {8, 2}}, {codec, {3, 2}}}, std::nullopt), ElementsAre(text))
      << "whatever config.json says";
}

TEST(VocabularyTensors, TheOnlyOneFollowsWhateverItsRowsAre) {
  EXPECT_THAT(following({{text, {6, 2}}}, 4), ElementsAre(text));
  EXPECT_THAT(following({{text, {3, 2}}}, 5), ElementsAre(text));
  EXPECT_THAT(following({{text, {3, 2}}}, std::nullopt), ElementsAre(text));
}

TEST(VocabularyTensors, AModelWhoseConfigurationSaysWhichItIsDecidesForOneWhoseDoesNot) {
  const std::vector<Given> both{{text, {4, 2}}, {codec, {6, 2}}};
  EXPECT_THAT(following(both, 4, "", std::nullopt, false), ElementsAre(text));
  EXPECT_THAT(following(both, std::nullopt), ElementsAre(codec, text)) << "nobody's does";
}

TEST(VocabularyTensors, AHeadMayHaveOtherRowsThanTheEmbedding) {
  // Llama 3.2 Vision: vocab_size rows, and eight more for the embedding.
  EXPECT_THAT(following({{text, {12, 2}}, {"lm_head.weight", {4, 2}}, {"lm_head.bias", {4}}}, 4),
              ElementsAre("lm_head.bias", "lm_head.weight", text));
}

TEST(VocabularyTensors, WhatTheRecipeListsFollows) {
  EXPECT_THAT(following({{text, {4, 2}}, {codec, {6, 2}}}, 4, "stockpot: {vocab_tensors: ['glob:talker*']}\n"),
              ElementsAre(codec, text));
}

TEST(VocabularyTensors, LayersThatPredictFurtherTokensHaveThemToo) {
  const std::string embedding = "model.layers.2.embed_tokens.weight", head = "model.layers.2.shared_head.head.weight";
  const std::vector<Given> tensors{{text, {4, 2}}, {"lm_head.weight", {4, 2}}, {"model.layers.2.up.weight", {4, 4}}};
  const auto with = [&](const Shape& shape) {
    std::vector<Given> all = tensors;
    all.push_back({embedding, shape});
    all.push_back({head, shape});
    return following(all, 4, "", 2);
  };
  EXPECT_THAT(with({4, 2}), ElementsAre("lm_head.weight", embedding, head, text));
  EXPECT_THAT(with({6, 2}), ElementsAre("lm_head.weight", text)) << "of another shape: something else";
}

}  // namespace
}  // namespace stockpot::plan
