// Where values come from, and what is said when they do not do.
#include <fmt/format.h>

#include <limits>

#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::vector<double> weights(const MergePlan& plan, const std::string& tensor) {
  const auto values = settings_of(plan, tensor).per_model("weight");
  return {values.begin(), values.end()};
}

const std::vector<TensorInfo> layers = tensors(
    {"embed.weight", "model.layers.0.attn.weight", "model.layers.0.mlp.weight", "model.layers.1.attn.weight",
     "model.layers.1.mlp.weight", "model.layers.2.attn.weight", "model.layers.2.mlp.weight", "model.norm.weight"});

TEST(Parameters, OfAModelOutrankThoseOfTheDocument) {
  const auto plan = planned(R"(
merge_method: linear
models:
  - model: a
    parameters: {weight: 0.25}
  - model: b
parameters: {weight: 3}
)",
                            alike(2, layers));
  EXPECT_THAT(weights(plan, "embed.weight"), ElementsAre(0.25, 3));
}

TEST(Parameters, APlaceThatYieldsNothingForATensorLeavesItToTheNext) {
  const auto plan = planned(R"(
merge_method: linear
models:
  - model: a
    parameters:
      weight:
        - filter: attn
          value: 0.25
  - model: b
parameters: {weight: 3}
)",
                            alike(2, layers));
  EXPECT_THAT(weights(plan, "model.layers.1.attn.weight"), ElementsAre(0.25, 3));
  EXPECT_THAT(weights(plan, "model.layers.1.mlp.weight"), ElementsAre(3, 3));
}

TEST(Parameters, TheFirstFilterThatMatchesWins) {
  const auto plan = planned(R"(
merge_method: linear
models: [{model: a}]
parameters:
  weight:
    - {filter: attn, value: 1}
    - {filter: layers.1, value: 2}
    - {filter: "re:norm|embed", value: 3}
    - {value: 4}
)",
                            alike(1, layers));
  EXPECT_THAT(weights(plan, "model.layers.1.attn.weight"), ElementsAre(1));
  EXPECT_THAT(weights(plan, "model.layers.1.mlp.weight"), ElementsAre(2));
  EXPECT_THAT(weights(plan, "model.norm.weight"), ElementsAre(3));
  EXPECT_THAT(weights(plan, "model.layers.0.mlp.weight"), ElementsAre(4));
}

TEST(Parameters, AGradientRunsOverTheLayersAndStartsBeforeThem) {
  const auto plan = planned(R"(
merge_method: linear
models: [{model: a}]
parameters: {weight: [1, 5]}
)",
                            alike(1, layers));
  EXPECT_THAT(weights(plan, "embed.weight"), ElementsAre(1));
  EXPECT_THAT(weights(plan, "model.layers.0.mlp.weight"), ElementsAre(1));
  EXPECT_THAT(weights(plan, "model.layers.1.mlp.weight"), ElementsAre(3));
  EXPECT_THAT(weights(plan, "model.layers.2.mlp.weight"), ElementsAre(5));
  EXPECT_THAT(weights(plan, "model.norm.weight"), ElementsAre(1));
}

TEST(Parameters, TensorsAfterTheLayersTakeTheLastValueWhenAskedTo) {
  const auto plan = planned(R"(
merge_method: linear
models: [{model: a}]
parameters: {weight: [1, 5]}
stockpot: {post_layer_t: 1}
)",
                            alike(1, layers));
  EXPECT_THAT(weights(plan, "model.norm.weight"), ElementsAre(5));
  EXPECT_THAT(weights(plan, "embed.weight"), ElementsAre(1));
}

TEST(Parameters, AListForAllModelsAsLongAsTheirsIsWarnedOf) {
  const auto remarks = [](const std::string& models, const std::string& parameters, const std::string& more = "") {
    const std::string method = more.empty() ? "linear" : "task_arithmetic";
    return texts(
        planned(fmt::format("merge_method: {}\nmodels: [{}]\nparameters: {}\n{}", method, models, parameters, more),
                alike(3, layers))
            .remarks);
  };
  const std::string two = "{model: a}, {model: b}", three = two + ", {model: c}";
  const auto warned = ElementsAre(AllOf(HasSubstr("r.yaml:3:22: warning[CFG051]"), HasSubstr("gradient")));
  EXPECT_THAT(remarks(two, "{weight: [0.7, 0.3]}"), warned);
  EXPECT_THAT(remarks(three, "{weight: [0.7, 0.2, 0.1]}"), warned);
  EXPECT_THAT(remarks(three, "{weight: [0.7, 0.2, 0.1]}", "base_model: a\n"), warned);
  EXPECT_THAT(remarks(three, "{weight: [0.7, 0.3]}", "base_model: a\n"), warned);
  EXPECT_THAT(remarks(three, "{weight: [0.7, 0.3]}"), IsEmpty());
  EXPECT_THAT(remarks("{model: a}", "{weight: [1]}"), IsEmpty());
  EXPECT_THAT(remarks(two, "{weight: [{filter: attn, value: [0.7, 0.3]}, {value: 1}]}"), IsEmpty());
  EXPECT_THAT(remarks(two, "{weight: 1, normalize: [1, 0]}"), IsEmpty());
  EXPECT_THAT(remarks("{model: a, parameters: {weight: [0.7, 0.3]}}, {model: b}", "{weight: 1}"), IsEmpty());
}

TEST(Parameters, AGradientOfBooleansIsReadByStepsAndNeverBetweenThem) {
  const auto plan = planned(R"(
merge_method: linear
models: [{model: a}]
parameters: {weight: 1, normalize: [true, false]}
)",
                            alike(1, layers));
  EXPECT_TRUE(settings_of(plan, "model.layers.1.mlp.weight").flag("normalize"));
  EXPECT_FALSE(settings_of(plan, "model.layers.2.mlp.weight").flag("normalize"));
}

TEST(Parameters, ChoicesAreGivenByName) {
  const auto plan = planned(R"(
merge_method: ties
models: [{model: b, parameters: {weight: 1}}]
base_model: a
parameters: {trim_rule: at_least}
)",
                            {alike(2, layers)[1], alike(2, layers)[0]});
  EXPECT_EQ(settings_of(plan, "embed.weight").choice("trim_rule"), "at_least");
}

TEST(Parameters, AMissingOneIsNamedWithModelAndTensor) {
  const Error error = failure(R"(merge_method: linear
models:
  - model: a
    parameters: {weight: 1}
  - model: b
)",
                              alike(2, layers));
  EXPECT_EQ(error.kind(), ErrorKind::recipe);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("r.yaml:5:"), HasSubstr("error[CFG041]"), HasSubstr("'weight'"),
                                  HasSubstr("model 'b'"), HasSubstr("embed.weight"), Not(HasSubstr("norm.weight"))));
}

TEST(Parameters, AMissingOneOfTheWholeMergeStandsAtTheMethod) {
  EXPECT_THAT(report("merge_method: slerp\nmodels: [{model: b}]\nbase_model: a\n", alike(2, layers)),
              AllOf(HasSubstr("r.yaml:1:15: error[CFG041]"), HasSubstr("'t'")));
}

TEST(Parameters, AFilteredOneMayBeMissingForSomeTensorsOnly) {
  EXPECT_THAT(report(R"(merge_method: linear
models:
  - model: a
    parameters: {weight: [{filter: layers, value: 1}]}
)",
                     alike(1, layers)),
              AllOf(HasSubstr("CFG041"), HasSubstr("embed.weight")));
}

TEST(Parameters, OfTheWholeMergeAreNotReadUnderAModel) {
  const auto plan = planned(R"(merge_method: linear
models:
  - model: a
    parameters: {weight: 1, normalize: false}
)",
                            alike(1, layers));
  EXPECT_THAT(texts(plan.remarks),
              ElementsAre(AllOf(HasSubstr("r.yaml:4:29: warning[CFG040]"), HasSubstr("normalize"))));
  EXPECT_TRUE(settings_of(plan, "embed.weight").flag("normalize"));
}

constexpr const char* misspelled = R"(merge_method: linear
models:
  - model: a
parameters: {weight: 1, normalise: false}
)";

TEST(Parameters, AnUnknownNameIsAWarningThatGuesses) {
  EXPECT_THAT(texts(planned(misspelled, alike(1, layers)).remarks),
              ElementsAre(AllOf(HasSubstr("r.yaml:4:25: warning[CFG047]"), HasSubstr("did you mean 'normalize'?"))));
}

TEST(Parameters, AnUnknownNameIsAnErrorWhenStrict) {
  PlanOptions strict;
  strict.strict = true;
  const Error error = failure(misspelled, alike(1, layers), strict);
  EXPECT_EQ(error.kind(), ErrorKind::recipe);
  EXPECT_THAT(error.what(), HasSubstr("CFG047"));
}

TEST(Parameters, OutOfRangeTellsMethodValueModelTensorAndRange) {
  EXPECT_THAT(
      report(R"(merge_method: ties
models:
  - model: b
    parameters: {weight: 1, density: 1.5}
base_model: a
)",
             alike(2, layers)),
      AllOf(HasSubstr("r.yaml:4:38: error[CFG052]"),
            HasSubstr("ties: parameter 'density' = 1.5 (model 'b', tensor 'embed.weight'): must be in [0, 1]")));
}

TEST(Parameters, AGradientThatLeavesTheRangeIsReportedOnce) {
  const std::string text = report(R"(merge_method: ties
models:
  - model: b
    parameters: {weight: 1, density: [0.5, 2]}
base_model: a
)",
                                  alike(2, layers));
  const auto first = text.find("CFG052");
  ASSERT_NE(first, std::string::npos) << text;
  EXPECT_EQ(text.find("CFG052", first + 1), std::string::npos) << text;
  EXPECT_THAT(text, HasSubstr("= 1.25 (model 'b', tensor 'model.layers.1.attn.weight')"));
}

TEST(Parameters, TextWhereANumberIsWantedIsRefused) {
  EXPECT_THAT(report("merge_method: linear\nmodels: [{model: a, parameters: {weight: heavy}}]\n", alike(1, layers)),
              AllOf(HasSubstr("r.yaml:2:42: error[CFG021]"), HasSubstr("'heavy'"), Not(HasSubstr("CFG041"))));
}

TEST(Parameters, AnUnknownChoiceIsAnsweredWithTheKnownOnes) {
  EXPECT_THAT(report(R"(merge_method: ties
models: [{model: b, parameters: {weight: 1}}]
base_model: a
parameters: {scope: modle}
)",
                     alike(2, layers)),
              AllOf(HasSubstr("r.yaml:4:21: error[CFG052]"), HasSubstr("tensor, model"), HasSubstr("'model'")));
}

TEST(Parameters, AFilterThatMatchesNothingIsAWarningThatGuesses) {
  const auto plan = planned(R"(merge_method: linear
models: [{model: a}]
parameters:
  weight:
    - {filter: embde, value: 2}
    - {value: 1}
)",
                            alike(1, layers));
  EXPECT_THAT(texts(plan.remarks),
              ElementsAre(AllOf(HasSubstr("warning[CFG046]"), HasSubstr("r.yaml:5:"), HasSubstr("'embed'"))));
}

TEST(Parameters, WhatIsMisplacedUnderTheBaseIsAWarningToo) {
  const auto plan = planned(
      "merge_method: slerp\nbase_model: a\nmodels:\n  - {model: a, parameters: {t: 0.5, wieght: 1}}\n  - {model: b}\n"
      "parameters: {t: 0.5}\n",
      alike(2, layers));
  EXPECT_THAT(texts(plan.remarks),
              ElementsAre(AllOf(HasSubstr("r.yaml:4:29: warning[CFG040]"), HasSubstr("'t'")),
                          AllOf(HasSubstr("r.yaml:4:37: warning[CFG047]"), HasSubstr("'wieght'"))));
}

TEST(Parameters, AFilterThatExcludesTensorsMatchesThem) {
  const std::string text = "merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n";
  for (const std::string& selection :
       {std::string("exclude: [embed]"), std::string("exclude: ['glob:*'], exclude_action: drop"),
        std::string("include: [w], exclude: ['layers:1']")}) {
    EXPECT_THAT(texts(planned(text + "stockpot: {" + selection + "}\n", alike(2, layers)).remarks), IsEmpty())
        << selection;
  }
  EXPECT_THAT(texts(planned(text + "stockpot: {exclude: [embed, nothing]}\n", alike(2, layers)).remarks),
              ElementsAre(AllOf(HasSubstr("CFG046"), HasSubstr("'nothing'"))));
}

TEST(Parameters, AValueWithoutFilterIsNoFilterThatMatchesNothing) {
  const auto plan = planned(R"(merge_method: linear
models: [{model: a}]
parameters: {weight: 1}
stockpot: {overrides: [{filter: nothing, parameters: {weight: 2}}]}
)",
                            alike(1, layers));
  EXPECT_THAT(texts(plan.remarks), ElementsAre(HasSubstr("filter 'nothing' matches no tensor")));
}

TEST(Parameters, AFilterBehindAnotherThatMatchesTheSameIsNotIdle) {
  const auto plan = planned(R"(merge_method: linear
models: [{model: a}]
parameters:
  weight:
    - {filter: layers, value: 2}
    - {filter: layers.0, value: 3}
    - {value: 1}
)",
                            alike(1, layers));
  EXPECT_THAT(texts(plan.remarks), IsEmpty());
}

TEST(Parameters, OfATensorThatOneModelHasUnderAnotherNameAreNotThoseOfOneThatTwoModelsHave) {
  const auto with_bias = tensors({"model.layers.0.q.bias", "model.layers.0.q.weight", "model.layers.1.q.bias",
                                  "model.layers.1.q.weight", "model.norm.weight"});
  const auto without = tensors({"model.layers.0.q.weight", "model.layers.1.q.weight", "model.norm.weight"});
  const auto plan = planned(R"(
merge_method: linear
slices:
  - sources: [{model: a, layer_range: [1, 2]}, {model: b, layer_range: [0, 1]}]
parameters: {weight: [{filter: "re:norm|layers.0.", value: 1}, {value: 3}]}
)",
                            {stockpot::test::catalogue("a", with_bias), stockpot::test::catalogue("b", without)});
  EXPECT_THAT(weights(plan, "model.norm.weight"), ElementsAre(1, 1));
  EXPECT_THAT(weights(plan, "model.layers.0.q.bias"), ElementsAre(3));
  EXPECT_THAT(weights(plan, "model.layers.0.q.weight"), ElementsAre(3, 1));
}

TEST(Parameters, TextsAreTakenAsTheyAreWritten) {
  const std::string text = "merge_method: iso_c\nbase_model: a\nmodels: [{model: b}]\nparameters: {exclude: [";
  const auto names = tensors({"model.layers.1.a.weight", "model.layers.10.a.weight", "on.weight", "x1.weight"});
  const auto excluded = [&](const std::string& exclude) {
    const auto plan = planned(text + exclude + "]}", alike(2, names));
    std::vector<std::string> found;
    for (const TensorInfo& tensor : names) {
      if (settings_of(plan, tensor.name).flag("exclude")) found.push_back(tensor.name);
    }
    return found;
  };
  EXPECT_THAT(excluded(".1."), ElementsAre("model.layers.1.a.weight"));
  EXPECT_THAT(excluded("'.1'"), ElementsAre("model.layers.1.a.weight", "model.layers.10.a.weight"));
  EXPECT_THAT(excluded("on"), ElementsAre("on.weight"));
  EXPECT_THAT(excluded("010"), IsEmpty());
}

TEST(Parameters, OfAScaleByLayerAreFinite) {
  for (const char* beta : {"nan", "inf", "'-infinity'"}) {
    const std::string text =
        std::string("merge_method: task_arithmetic\nbase_model: a\nmodels: [{model: b, parameters: {weight: 1}}]\n") +
        "parameters: {lines: {alpha: auto, beta: " + beta + "}}";
    EXPECT_THAT(report(text, alike(2, layers)), HasSubstr("CFG021")) << beta;
  }
  EXPECT_THAT(
      report("merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}]\nparameters: {normalize: nan}",
             alike(1, layers)),
      HasSubstr("CFG052"));
}

TEST(Parameters, WhatTheMethodItselfRefusesStandsAtTheValue) {
  EXPECT_THAT(report(R"(merge_method: linear
models:
  - {model: a, parameters: {weight: 1}}
  - {model: b, parameters: {weight: -1}}
)",
                     alike(2, layers)),
              AllOf(HasSubstr("r.yaml:3:37: error[CFG053]"), HasSubstr("embed.weight"), HasSubstr("normalize: false")));
}

TEST(Parameters, WhatTheMethodRefusesOfADefaultStandsAtTheMethod) {
  EXPECT_THAT(report(R"(merge_method: della
base_model: a
models: [{model: b, parameters: {weight: 1, density: 0.9}}]
)",
                     alike(2, layers)),
              AllOf(HasSubstr("r.yaml:1:15: error[CFG052]"), HasSubstr("'epsilon' = 0.15")));
}

TEST(Parameters, ABaseThatIsMissingIsNotAlsoAModelTooMany) {
  EXPECT_THAT(report("merge_method: slerp\nmodels: [{model: a}, {model: b}]\nparameters: {t: 0.5}\n", alike(2, layers)),
              AllOf(HasSubstr("needs a base model"), Not(HasSubstr("exactly"))));
}

TEST(Parameters, AllMistakesAreReportedTogether) {
  EXPECT_THAT(report(R"(merge_method: ties
models:
  - model: b
    parameters: {density: 7}
  - model: c
    parameters: {weight: much}
base_model: a
)",
                     alike(3, layers)),
              AllOf(HasSubstr("CFG052"), HasSubstr("CFG041"), HasSubstr("CFG021")));
}

TEST(Parameters, OfWholeModelStatisticsMustNotVary) {
  const std::string text = report(R"(merge_method: ties
models: [{model: b, parameters: {weight: 1, density: [0.2, 0.6]}}]
base_model: a
parameters: {scope: model}
)",
                                  alike(2, layers));
  EXPECT_THAT(text, AllOf(HasSubstr("r.yaml:1:15"), HasSubstr("'density'"), HasSubstr("embed.weight"),
                          HasSubstr("model.layers.1.attn.weight")));
}

TEST(Parameters, TheDropoutStreamIsKeyedBySeedModelAndTensor) {
  const std::string text = R"(merge_method: dare_linear
models:
  - {model: b, key: first, parameters: {weight: 1, density: 0.5}}
  - {model: c, parameters: {weight: 1, density: 0.5}}
base_model: a
stockpot: {seed: 17}
)";
  const auto models = alike(3, layers);
  const auto plan = planned(text, {models[1], models[2], models[0]});
  const auto& masks = plan.context[index_of(plan, "embed.weight")].masks;
  ASSERT_THAT(masks, SizeIs(2));
  EXPECT_EQ(masks[0].seed, 17u);
  EXPECT_EQ(masks[0].stream, stream_of(0, "first", "embed.weight"));
  EXPECT_EQ(masks[1].stream, stream_of(0, "c", "embed.weight"));

  PlanOptions options;
  options.seed = 4;
  EXPECT_EQ(planned(text, {models[1], models[2], models[0]}, options).context[0].masks[0].seed, 4u);
}

TEST(Parameters, ThatCannotWorkTogetherAreReportedWithModelTensorAndRange) {
  const std::string text = R"(
merge_method: della
base_model: a
models: [{model: a}, {model: b}, {model: c, parameters: {density: 0.9}}]
parameters: {weight: 1, density: 0.5}
)";
  EXPECT_THAT(report(text, alike(3, layers)),
              AllOf(HasSubstr("CFG052"), HasSubstr("'epsilon' = 0.15"), HasSubstr("[0, 0.1)"), HasSubstr("model 'c'"),
                    HasSubstr("tensor 'embed.weight'")));
}

TEST(Parameters, FiltersWithoutALastCaseForAllAreNamedAsTheReason) {
  EXPECT_THAT(
      report(R"(
merge_method: slerp
base_model: a
models: [{model: a}, {model: b}]
parameters:
  t:
    - {filter: attn, value: 0.5}
    - {filter: mlp, value: [1, 0]}
)",
             alike(2, layers)),
      AllOf(HasSubstr("r.yaml:6:3: error[CFG041]: parameter 't' has no value (tensor embed.weight): none of its "
                      "filters matches"),
            HasSubstr("add a last entry without a filter: '- value: ...'")));
  EXPECT_THAT(report(R"(
merge_method: linear
models:
  - {model: a, parameters: {weight: {filter: attn, value: 1}}}
  - {model: b, parameters: {weight: 1}}
)",
                     alike(2, layers)),
              AllOf(HasSubstr("r.yaml:4:29: error[CFG041]"), HasSubstr("for model 'a'"), HasSubstr("'- value: ...'")));
}

}  // namespace
}  // namespace stockpot::plan
