// Tensors of one name with different shapes: what is cut, what is left out, what is refused.
#include "plan/shapes.hpp"

#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string weighted = "parameters: {weight: 1}\n";

/// Models a, b, c ... with an embedding and a projection; `rows` of each model's embedding.
std::vector<Catalogue> with_embeddings(const std::vector<Shape>& embeddings) {
  std::vector<Catalogue> models;
  for (const Shape& shape : embeddings) {
    models.push_back(stockpot::test::catalogue(
        std::string(1, static_cast<char>('a' + models.size())),
        {{"model.embed_tokens.weight", DType::bf16, shape}, {"model.layers.0.up.weight", DType::bf16, {6, 4}}}));
  }
  return models;
}

std::string recipe_of(const std::string& method, const std::string& more) {
  return "merge_method: " + method + "\nbase_model: a\nmodels: [{model: a}, {model: b}, {model: c}]\n" +
         (method == "model_stock" ? "" : weighted) + more;
}

const TensorInfo& embedding(const MergePlan& plan) { return tensor_of(plan, "model.embed_tokens.weight").output; }

TEST(Shapes, MethodsThatStackCutEmbeddingsToWhatAllHave) {
  const auto plan = planned(recipe_of("model_stock", ""), with_embeddings({{10, 4}, {12, 3}, {8, 4}}));
  EXPECT_THAT(embedding(plan).shape, ElementsAre(8, 3));
  EXPECT_EQ(plan.config.vocab_size, 8u);
  EXPECT_THAT(texts(plan.remarks), ElementsAre(AllOf(HasSubstr("TEN006"), HasSubstr("[12, 3] in 'b'"))));
  EXPECT_EQ(plan.input_bytes(0), 3u * 8 * 3 * 2);
}

TEST(Shapes, ACopyOfTheOnlyModelLosesRowsAsItIsAndColumnsWhileItIsDecoded) {
  const std::string text = "merge_method: multislerp\nbase_model: b\nmodels: [{model: a}]\n" + weighted;
  EXPECT_EQ(tensor_of(planned(text, with_embeddings({{9, 4}, {8, 4}})), "model.embed_tokens.weight").action,
            Action::copy);
  const auto plan = planned(text, with_embeddings({{8, 5}, {8, 4}}));
  EXPECT_THAT(embedding(plan).shape, ElementsAre(8, 4));
  EXPECT_EQ(tensor_of(plan, "model.embed_tokens.weight").action, Action::merge);
}

TEST(Shapes, TaskVectorMethodsKeepTheBasesShape) {
  const auto plan = planned(recipe_of("task_arithmetic", ""), with_embeddings({{8, 4}, {12, 4}, {9, 5}}));
  EXPECT_THAT(embedding(plan).shape, ElementsAre(8, 4));
  EXPECT_EQ(plan.config.vocab_size, std::nullopt);
}

TEST(Shapes, AModelThatFallsShortOfTheBaseIsAnErrorUnlessAllMayBeCut) {
  const auto models = with_embeddings({{8, 4}, {7, 4}, {9, 4}});
  EXPECT_THAT(report(recipe_of("ties", ""), models), AllOf(HasSubstr("TEN004"), HasSubstr("[7, 4] in 'b'")));
  const auto plan = planned(recipe_of("ties", ""), models, {.truncate_embeddings = true});
  EXPECT_THAT(embedding(plan).shape, ElementsAre(7, 4));
  EXPECT_EQ(plan.config.vocab_size, 7u);
}

TEST(Shapes, OtherTensorsAreNotCutButAModelMayBeLeftOut) {
  auto models = with_embeddings({{8, 4}, {8, 4}, {8, 4}});
  models[1].tensors[1].info.shape = {6, 5};
  EXPECT_THAT(report(recipe_of("ties", ""), models), HasSubstr("TEN004"));
  const auto plan = planned(recipe_of("ties", "stockpot: {on_mismatch: skip}\n"), models, {.allow_crimes = true});
  EXPECT_THAT(tensor_of(plan, "model.layers.0.up.weight").sources, SizeIs(1));
  EXPECT_THAT(tensor_of(plan, "model.embed_tokens.weight").sources, SizeIs(2));
  EXPECT_THAT(texts(plan.remarks), testing::Contains(HasSubstr("TEN007")));
}

TEST(Shapes, ATensorThatDoesNotFitIsOneOfThoseThatMakeAWrongPairing) {
  std::vector<std::string> names;
  for (char c = 'a'; c < 'm'; ++c) names.emplace_back(1, c);
  auto models = alike(3, tensors(names));
  models[1].tensors[3].info.shape = {6, 5};
  models[2].tensors[3].info.shape = {6, 5};
  const std::string text = recipe_of("ties", "stockpot: {on_mismatch: skip}\n");
  EXPECT_THAT(planned(text, models).tensors, SizeIs(12));
  models[1].tensors[4].info.shape = {6, 5};
  EXPECT_THAT(report(text, models), AllOf(HasSubstr("TEN008"), HasSubstr("2 of 12")));
}

TEST(Shapes, TheEmbeddingClassCanBeNamed) {
  auto models = with_embeddings({{8, 4}, {8, 4}, {8, 4}});
  for (Catalogue& model : models) model.tensors[0].info.name = "tokens";
  models[2].tensors[0].info.shape = {9, 4};
  EXPECT_THAT(report(recipe_of("ties", ""), models), HasSubstr("TEN004"));
  EXPECT_EQ(tensor_of(planned(recipe_of("ties", "stockpot: {embedding_names: [tokens]}\n"), models), "tokens")
                .output.shape.front(),
            8u);
  EXPECT_EQ(tensor_of(planned(recipe_of("ties", "stockpot: {vocab_tensors: ['glob:tok*']}\n"), models), "tokens")
                .output.shape.front(),
            8u);
}

TEST(Shapes, ATensorThatTheBaseLacksCanBeDroppedOrCopied) {
  auto models = with_embeddings({{8, 4}, {8, 4}, {8, 4}});
  models[1] = stockpot::test::catalogue("b", {{"extra", DType::bf16, {2, 2}},
                                              {"model.embed_tokens.weight", DType::bf16, {8, 4}},
                                              {"model.layers.0.up.weight", DType::bf16, {6, 4}}});
  const PlanOptions options{.allow_crimes = true};
  EXPECT_THAT(report(recipe_of("ties", ""), models, options), HasSubstr("TEN002"));
  EXPECT_THAT(planned(recipe_of("ties", "stockpot: {extra_tensors: drop}\n"), models, options).tensors, SizeIs(2));
  const auto copied = planned(recipe_of("ties", "stockpot: {extra_tensors: copy}\n"), models, options);
  EXPECT_EQ(tensor_of(copied, "extra").action, Action::copy);
}

TEST(Shapes, ATensorThatOnlyTheBaseOfNuslerpLacksIsExtraToo) {
  auto models = alike(3, tensors({"both", "w"}));
  models[0] = stockpot::test::catalogue("a", tensors({"w"}));
  const PlanOptions options{.allow_crimes = true};
  EXPECT_THAT(report(recipe_of("nuslerp", ""), models, options), HasSubstr("TEN002"));
  EXPECT_THAT(planned(recipe_of("nuslerp", "stockpot: {extra_tensors: drop}\n"), models, options).tensors, SizeIs(1));
  const auto copied = planned(recipe_of("nuslerp", "stockpot: {extra_tensors: copy}\n"), models, options);
  EXPECT_EQ(tensor_of(copied, "both").sources.at(0).model, 1u);
}

const std::vector<TensorInfo> three_layers =
    tensors({"embed.weight", "model.layers.0.w.weight", "model.layers.1.w.weight", "model.layers.2.w.weight"});

TEST(Lines, ScalesByLayer) {
  const auto plan = planned(
      recipe_of("task_arithmetic", "")
          .replace(recipe_of("task_arithmetic", "").find("weight: 1"), 9, "weight: 1, lines: {alpha: 0.25, beta: 0.5}"),
      alike(3, three_layers));
  std::vector<double> factors;
  for (const auto& context : plan.context) factors.push_back(context.settings.number("lines"));
  EXPECT_THAT(factors, ElementsAre(0.25, 0.25, 0.5, 0.75));
  EXPECT_EQ(plan.lines_models, 0u);
}

TEST(Lines, WithAlphaToBeFoundLeavesTheFactorToTheEngine) {
  const std::string text =
      "merge_method: ties\nbase_model: a\nmodels: [{model: b}, {model: c}]\n"
      "parameters: {weight: 1, lines: {alpha: auto, beta: 0.5}}\n";
  const auto plan = planned(text, alike(3, three_layers));
  EXPECT_EQ(plan.lines_models, 2u);
  EXPECT_EQ(tensor_of(plan, "model.layers.1.w.weight").lines_offset, 0.25);
  EXPECT_EQ(settings_of(plan, "model.layers.1.w.weight").number("lines"), 1.0);
}

TEST(Lines, NeedsAlphaAndNumbers) {
  const auto with = [](const std::string& lines) {
    return report(
        "merge_method: ties\nbase_model: a\nmodels: [{model: b}]\nparameters: {weight: 1, lines: " + lines + "}\n",
        alike(2, three_layers));
  };
  EXPECT_THAT(with("0.5"), HasSubstr("CFG021"));
  EXPECT_THAT(with("{alpha: much}"), HasSubstr("CFG021"));
}

}  // namespace
}  // namespace stockpot::plan
