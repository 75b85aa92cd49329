// Methods, bases and numbers of models.
#include <fmt/format.h>

#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const auto one = tensors({"w"});

TEST(Participants, AnUnknownMethodIsAnsweredWithTheNearest) {
  EXPECT_THAT(report("merge_method: lineer\nmodels: [{model: a}]\n", alike(1, one)),
              AllOf(HasSubstr("r.yaml:1:15: error[CFG011]"), HasSubstr("did you mean 'linear'?")));
}

TEST(Participants, SynonymsOfMethodsAreUnderstood) {
  const auto answer = [](const std::string& method) {
    return report(fmt::format("merge_method: {}\nmodels: [{{model: a}}]\n", method), alike(1, one));
  };
  EXPECT_THAT(answer("dare"), HasSubstr("'dare_ties' or 'dare_linear'"));
  EXPECT_THAT(answer("frankenmerge"), HasSubstr("'passthrough'"));
  EXPECT_THAT(answer("soup"), HasSubstr("'linear'"));
  EXPECT_THAT(answer("task-arithmetic"), HasSubstr("'task_arithmetic'"));
  EXPECT_THAT(answer("modelstock"), HasSubstr("'model_stock'"));
}

TEST(Participants, AMethodOfTaskVectorsNeedsABase) {
  EXPECT_THAT(report("merge_method: ties\nmodels: [{model: a, parameters: {weight: 1}}]\n", alike(1, one)),
              AllOf(HasSubstr("r.yaml:1:15: error[CFG050]"), HasSubstr("base_model")));
}

TEST(Participants, TooFewAndTooManyModelsAreCounted) {
  const auto models = alike(3, one);
  EXPECT_THAT(report("merge_method: model_stock\nmodels: [{model: a}]\nbase_model: b\n", alike(2, one)),
              AllOf(HasSubstr("error[CFG050]"), HasSubstr("at least 2 models beside the base, found 1")));
  EXPECT_THAT(
      report("merge_method: slerp\nmodels: [{model: a}, {model: b}]\nbase_model: c\nparameters: {t: 0.5}\n", models),
      AllOf(HasSubstr("error[CFG050]"), HasSubstr("exactly 1 model beside the base, found 2"),
            HasSubstr("make one of them 'base_model'")));
}

TEST(Participants, ASliceOfOneSourceUnderAMethodOfTwoIsToldHowToCopyIt) {
  const auto answer = [](const std::string& method, const std::string& range) {
    return report(
        fmt::format("merge_method: {}\nslices:\n  - sources: [{{model: a, layer_range: {}}}]\nbase_model: a\n", method,
                    range),
        alike(1, tensors({"model.layers.0.w", "model.layers.1.w"})));
  };
  for (const char* method : {"slerp", "nuslerp", "model_stock", "nearswap", "arcee_fusion", "multislerp"}) {
    EXPECT_THAT(answer(method, "[0, 2]"), AllOf(HasSubstr("error[CFG050]"), HasSubstr("copied by 'passthrough'")));
    EXPECT_THAT(answer(method, "[2, 2]"), HasSubstr("a slice without layers can be left out"));
  }
}

TEST(Participants, TheBaseAmongTheModelsIsNotOneOfThem) {
  const auto plan = planned(
      "merge_method: slerp\nmodels: [{model: a}, {model: b}]\nbase_model: a\nparameters: {t: 0.5}\n", alike(2, one));
  const auto& tensor = tensor_of(plan, "w");
  ASSERT_TRUE(tensor.base.has_value());
  EXPECT_EQ(tensor.base->model, 0u);
  ASSERT_THAT(tensor.sources, SizeIs(1));
  EXPECT_EQ(tensor.sources[0].model, 1u);
}

TEST(Participants, AListedBaseIsAnOrdinaryModelWhereTheMethodUsesNone) {
  const auto plan = planned(
      "merge_method: linear\nmodels: [{model: a}, {model: b}]\nbase_model: b\n"
      "parameters: {weight: 1}\n",
      alike(2, one));
  EXPECT_THAT(tensor_of(plan, "w").sources, SizeIs(2));
  EXPECT_FALSE(tensor_of(plan, "w").base.has_value());
  EXPECT_EQ(plan.anchor, 1u);
  EXPECT_THAT(texts(plan.remarks), IsEmpty());
}

TEST(Participants, AnUnlistedBaseTakesNoPartWhereTheMethodUsesNone) {
  const auto plan =
      planned("merge_method: linear\nmodels: [{model: a}]\nbase_model: b\nparameters: {weight: 1}\n", alike(2, one));
  EXPECT_THAT(tensor_of(plan, "w").sources, SizeIs(1));
  EXPECT_EQ(plan.anchor, 1u);
  EXPECT_THAT(texts(plan.remarks), ElementsAre(AllOf(HasSubstr("r.yaml:3:13: warning[CFG048]"), HasSubstr("'b'"))));
}

TEST(Participants, AnOverrideThatPassesThroughTakesTheBaseWhereTheDocumentMergesOne) {
  const std::string overrides = "stockpot: {overrides: [{filter: w, merge_method: passthrough}]}\n";
  for (const std::string& listed : {std::string("[{model: b}]"), std::string("[{model: b}, {model: c}]"),
                                    std::string("[{model: b}, {model: a}]")}) {
    const auto plan = planned(
        "merge_method: task_arithmetic\nmodels: " + listed + "\nbase_model: a\nparameters: {weight: 1}\n" + overrides,
        alike(listed.find('c') == listed.npos ? 2 : 3, one));
    const auto& tensor = tensor_of(plan, "w");
    ASSERT_THAT(tensor.sources, SizeIs(1));
    EXPECT_EQ(tensor.sources[0].model, plan.anchor) << listed;
    EXPECT_THAT(texts(plan.remarks), testing::Each(testing::Not(HasSubstr("CFG048")))) << listed;
  }
  const auto alone =
      planned("merge_method: linear\nmodels: [{model: b}]\nbase_model: a\nparameters: {weight: 1}\n" + overrides,
              alike(2, one));
  EXPECT_NE(tensor_of(alone, "w").sources.at(0).model, alone.anchor);
}

TEST(Participants, WholeModelsMustHaveEquallyManyLayers) {
  const auto with_layers = [](const std::string& model, int layers) {
    std::vector<std::string> names{"e"};
    for (int l = 0; l < layers; ++l) names.push_back(fmt::format("l.{}.w", l));
    return stockpot::test::catalogue(model, tensors(names));
  };
  EXPECT_THAT(report("merge_method: linear\nmodels:\n  - model: a\n  - model: b\nparameters: {weight: 1}\n",
                     {with_layers("a", 3), with_layers("b", 2)}),
              AllOf(HasSubstr("r.yaml:4:5: error[ARC020]"), HasSubstr("'b' gives 2 layers, but 'a' gives 3")));
}

TEST(Participants, OfDifferentArchitecturesAreRefusedUnlessCrimesAreAllowed) {
  auto models = alike(2, one);
  models[0].config.architectures = {"LlamaForCausalLM"};
  models[1].config.architectures = {"MistralForCausalLM"};
  const std::string text = "merge_method: linear\nmodels:\n  - model: a\n  - model: b\nparameters: {weight: 1}\n";
  EXPECT_THAT(report(text, models),
              AllOf(HasSubstr("r.yaml:4:"), HasSubstr("ARC050"), HasSubstr("MistralForCausalLM")));
  PlanOptions options;
  options.allow_crimes = true;
  EXPECT_THAT(planned(text, models, options).tensors, SizeIs(1));
}

}  // namespace
}  // namespace stockpot::plan
