// Models side by side: what is missing, and what does not fit.
#include <fmt/format.h>

#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using stockpot::test::catalogue;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// Which of base ('a') and models ('b', 'c') hold the tensor "odd", beside twenty that all hold.
std::vector<Catalogue> holding(const std::string& holders, std::size_t models = 3) {
  std::vector<std::string> names;
  for (int k = 0; k < 20; ++k) names.push_back(fmt::format("w{}", k));
  std::vector<Catalogue> made;
  for (std::size_t m = 0; m < models; ++m) {
    const std::string model(1, static_cast<char>('a' + m));
    auto own = names;
    if (holders.find(model) != std::string::npos) own.push_back("odd");
    made.push_back(catalogue(model, tensors(own)));
  }
  return made;
}

std::string recipe_for(const std::string& method, bool base, std::size_t models, const std::string& more = "") {
  std::string text = fmt::format("merge_method: {}\nmodels:\n", method);
  for (std::size_t m = 0; m < models; ++m) text += fmt::format("  - model: {}\n", static_cast<char>('a' + m));
  return fmt::format("{}{}{}", text, base ? "base_model: a\n" : "", more);
}

const std::string weighted = "parameters: {weight: 1}\n";

void expect_copied_from(const MergePlan& plan, std::uint32_t model) {
  const auto& odd = tensor_of(plan, "odd");
  EXPECT_EQ(odd.action, Action::copy);
  ASSERT_THAT(odd.sources, SizeIs(1));
  EXPECT_EQ(odd.sources[0].model, model);
  EXPECT_THAT(texts(plan.remarks), ElementsAre(AllOf(HasSubstr("TEN001"), HasSubstr("odd"))));
}

void expect_refused(const Error& error, const std::string& code) {
  EXPECT_EQ(error.kind(), ErrorKind::corrupt_input);
  EXPECT_THAT(error.what(), AllOf(HasSubstr(code), HasSubstr("tensor odd"), Not(HasSubstr("tensor w"))));
}

TEST(Missing, LinearMergesOverTheModelsThatHaveIt) {
  const auto plan = planned(recipe_for("linear", false, 3, weighted), holding("ac"));
  EXPECT_THAT(tensor_of(plan, "odd").sources, SizeIs(2));
  EXPECT_EQ(settings_of(plan, "odd").models(), 2u);
  EXPECT_THAT(plan.context[index_of(plan, "odd")].masks, SizeIs(2));
  EXPECT_THAT(texts(plan.remarks), ElementsAre(AllOf(HasSubstr("TEN001"), HasSubstr("'b'"))));
}

TEST(Missing, ATaskVectorModelThatLacksItTakesNoPart) {
  const auto plan = planned(recipe_for("ties", true, 3, weighted), holding("ab"));
  ASSERT_THAT(tensor_of(plan, "odd").sources, SizeIs(1));
  EXPECT_EQ(tensor_of(plan, "odd").sources[0].model, 1u);
  EXPECT_TRUE(tensor_of(plan, "odd").base.has_value());
}

TEST(Missing, WithoutTaskVectorsTheBaseIsCopied) {
  expect_copied_from(planned(recipe_for("ties", true, 3, weighted), holding("a")), 0);
}

TEST(Missing, InTheBaseOfTaskVectorsIsAnError) {
  expect_refused(failure(recipe_for("ties", true, 3, weighted), holding("bc")), "TEN002");
}

TEST(Missing, SlerpCopiesWhatOneHas) {
  const std::string text = recipe_for("slerp", true, 2, "parameters: {t: 0.5}\n");
  expect_copied_from(planned(text, holding("a", 2)), 0);
  expect_copied_from(planned(text, holding("b", 2)), 1);
}

TEST(Missing, ModelStockCopiesTheBaseOrNeedsTwoOthers) {
  const std::string text = recipe_for("model_stock", true, 3);
  expect_copied_from(planned(text, holding("a")), 0);
  expect_refused(failure(text, holding("ab")), "TEN005");
  expect_refused(failure(text, holding("bc")), "TEN005");
  EXPECT_EQ(tensor_of(planned(text, holding("abc")), "odd").action, Action::merge);
  EXPECT_THAT(tensor_of(planned(recipe_for("model_stock", true, 4), holding("abd", 4)), "odd").sources, SizeIs(2));
}

TEST(Missing, CanBeForbidden) {
  expect_refused(failure(recipe_for("linear", false, 3, weighted + "stockpot: {missing: error}\n"), holding("ac")),
                 "TEN002");
}

TEST(Missing, CanLeaveATensorOut) {
  const auto plan = planned(recipe_for("ties", true, 3, weighted + "stockpot: {missing: drop}\n"), holding("bc"));
  EXPECT_THAT(plan.tensors, SizeIs(20));
  EXPECT_THAT(texts(plan.remarks), ElementsAre(AllOf(HasSubstr("odd"), HasSubstr("left out"))));
}

TEST(Missing, WholeModelStatisticsNeedEveryTensorOfEveryModel) {
  expect_refused(
      failure(recipe_for("ties", true, 3, "parameters: {weight: 1, density: 0.5, scope: model}\n"), holding("ab")),
      "TEN002");
}

TEST(Missing, InMoreThanATenthMeansTheWrongModels) {
  const auto models = std::vector{catalogue("a", tensors({"x", "y", "z"})), catalogue("b", tensors({"x", "y"}))};
  const std::string text = recipe_for("linear", false, 2, weighted);
  const Error error = failure(text, models);
  EXPECT_EQ(error.kind(), ErrorKind::recipe);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("TEN008"), HasSubstr("1 of 3"), HasSubstr("z in 'b'")));
  PlanOptions options;
  options.allow_crimes = true;
  EXPECT_THAT(planned(text, models, options).tensors, SizeIs(3));
}

TEST(Missing, ATiedHeadIsTheEmbedding) {
  auto shared = tensors({"model.embed_tokens.weight"});
  auto tied = catalogue("a", shared);
  auto untied = catalogue("b", tensors({"lm_head.weight", "model.embed_tokens.weight"}));
  tied.config.tied_embeddings = true;
  const auto plan = planned(recipe_for("linear", false, 2, weighted), {tied, untied});
  ASSERT_THAT(tensor_of(plan, "lm_head.weight").sources, SizeIs(2));
  EXPECT_EQ(plan.info(tensor_of(plan, "lm_head.weight").sources[0]).name, "model.embed_tokens.weight");
  EXPECT_TRUE(plan.config.untie_head);
  EXPECT_THAT(texts(plan.remarks), ElementsAre(HasSubstr("TEN040")));
}

/// What stands for the head that model 'a' does not store.
std::string embedding_for(const std::string& head, const std::vector<std::string>& embeddings) {
  auto tied = catalogue("a", tensors(embeddings));
  auto with_head = embeddings;
  with_head.push_back(head);
  tied.config.tied_embeddings = true;
  const auto plan = planned(recipe_for("linear", false, 2, weighted), {tied, catalogue("b", tensors(with_head))});
  return plan.info(tensor_of(plan, head).sources.at(0)).name;
}

TEST(Missing, ATiedHeadIsTheEmbeddingOfItsOwnPart) {
  EXPECT_EQ(embedding_for("lm_head.weight", {"backbone.embeddings.weight"}), "backbone.embeddings.weight");
  EXPECT_EQ(embedding_for("thinker.lm_head.weight",
                          {"talker.model.embed_tokens.weight", "thinker.model.embed_tokens.weight"}),
            "thinker.model.embed_tokens.weight");
}

TEST(Missing, NamesAreAllThatCountsInARawRecipe) {
  const PlanOptions raw{.raw = RawTensors::all};
  auto copied = catalogue("a", tensors({"lm_head.weight", "model.embed_tokens.weight"}));
  copied.tied_copies = {"lm_head.weight"};
  EXPECT_THAT(planned(recipe_for("linear", false, 1, weighted), {copied}, raw).tensors, SizeIs(2));
  const auto headless = catalogue("b", tensors({"model.embed_tokens.weight"}));
  EXPECT_THAT(report(recipe_for("linear", false, 2, weighted), {copied, headless}, raw), HasSubstr("RAW001"));
}

TEST(Missing, BuffersAreTheAnchorsOrNobodys) {
  const auto with = catalogue("b", {{"rotary_emb.inv_freq", DType::f32, {4}}, {"w", DType::f32, {4}}});
  const auto without = catalogue("a", {{"w", DType::f32, {4}}});
  const auto dropped = planned(recipe_for("linear", false, 2, weighted), {without, with});
  EXPECT_THAT(dropped.tensors, SizeIs(1));
  EXPECT_THAT(texts(dropped.remarks), IsEmpty());
  auto anchor = with;
  anchor.model = "a";
  auto other = without;
  other.model = "b";
  EXPECT_EQ(tensor_of(planned(recipe_for("linear", false, 2, weighted), {anchor, other}), "rotary_emb.inv_freq").action,
            Action::copy);
}

TEST(Mismatch, OfShapesNamesBothShapesAndFiles) {
  const Error error = failure(
      recipe_for("linear", false, 2, weighted),
      {catalogue("a", tensors({"w"}, DType::bf16, {4, 8})), catalogue("b", tensors({"w"}, DType::bf16, {8, 4}))});
  EXPECT_EQ(error.kind(), ErrorKind::corrupt_input);
  EXPECT_EQ(error.class_code(), "TEN004");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("tensor w: [4, 8] in 'a' (/models/a/1.safetensors)"),
                                  HasSubstr("[8, 4] in 'b' (/models/b/1.safetensors)"), HasSubstr("= help")));
}

TEST(Mismatch, OfManyTensorsIsOneReportThatCountsTheRest) {
  std::vector<std::string> names;
  for (int k = 0; k < 25; ++k) names.push_back(fmt::format("w{}", 100 + k));
  const std::string text = report(recipe_for("linear", false, 2, weighted),
                                  {catalogue("a", tensors(names)), catalogue("b", tensors(names, DType::bf16, {2}))});
  EXPECT_THAT(text,
              AllOf(HasSubstr("25 differences"), HasSubstr("w119"), Not(HasSubstr("w120")), HasSubstr("and 5 more")));
}

TEST(Types, FloatsOfAnyWidthMergeAndTheOutputIsAsTheBase) {
  const auto plan = planned(recipe_for("ties", true, 2, weighted),
                            {catalogue("a", tensors({"w"}, DType::f16)), catalogue("b", tensors({"w"}, DType::f32))});
  EXPECT_EQ(tensor_of(plan, "w").output.dtype, DType::f16);
  EXPECT_FALSE(tensor_of(plan, "w").float64);
  EXPECT_FALSE(plan.config.dtype.has_value());
}

TEST(Types, OneDoubleAmongTheSourcesMakesTheTensorDouble) {
  const auto plan = planned(recipe_for("linear", false, 2, weighted),
                            {catalogue("a", tensors({"w"}, DType::bf16)), catalogue("b", tensors({"w"}, DType::f64))});
  EXPECT_TRUE(tensor_of(plan, "w").float64);
  EXPECT_TRUE(plan.groups[tensor_of(plan, "w").group].info.float64);
  EXPECT_EQ(tensor_of(plan, "w").output.dtype, DType::bf16);
}

TEST(Types, OutDtypeOutranksDtypeOutranksTheStoredOne) {
  const auto models = alike(1, {{"n", DType::i64, {4}}, {"w", DType::bf16, {4}}});
  const auto plan = planned(recipe_for("linear", false, 1, weighted + "dtype: float32\n"), models);
  EXPECT_EQ(tensor_of(plan, "w").output.dtype, DType::f32);
  EXPECT_EQ(plan.config.dtype, DType::f32);
  const auto both = planned(recipe_for("linear", false, 1, weighted + "dtype: float32\nout_dtype: float16\n"), models);
  EXPECT_EQ(tensor_of(both, "w").output.dtype, DType::f16);
  EXPECT_EQ(both.config.dtype, DType::f16);
  EXPECT_EQ(tensor_of(both, "n").output.dtype, DType::i64);  // never touched
}

TEST(Types, TheConfigurationFollowsDecodedWeights) {
  const std::vector<TensorInfo> coded{
      {"n", DType::f16, {4}}, {"w", DType::f8_e4m3, {4, 8}}, {"w_scale", DType::f32, {4, 1}}};
  const std::vector<TensorInfo> numbers = tensors({"n", "w"}, DType::f16);
  const auto of_codes = planned(recipe_for("linear", false, 1, weighted), {catalogue("a", coded)});
  EXPECT_EQ(of_codes.config.dtype, DType::bf16);
  EXPECT_EQ(of_codes.config.dtype, tensor_of(of_codes, "w").output.dtype);
  const auto asked = planned(recipe_for("linear", false, 1, weighted + "dtype: float16\n"), {catalogue("a", coded)});
  EXPECT_EQ(asked.config.dtype, DType::f16);
  const auto of_numbers = planned(recipe_for("linear", false, 1, weighted), {catalogue("a", numbers)});
  EXPECT_FALSE(of_numbers.config.dtype.has_value());
}

TEST(Types, IntegersAreCopiedFromTheBaseElseFromTheFirstHolder) {
  const auto models = alike(3, {{"n", DType::i64, {4}}, {"w", DType::bf16, {4}}});
  const auto with_base = planned(recipe_for("ties", true, 3, weighted), models);
  EXPECT_EQ(tensor_of(with_base, "n").action, Action::copy);
  EXPECT_EQ(tensor_of(with_base, "n").sources[0].model, 0u);
  EXPECT_FALSE(tensor_of(with_base, "n").base.has_value());
  const auto listed = planned("merge_method: linear\nmodels: [{model: a}, {model: b}]\nbase_model: b\n" + weighted,
                              {models[0], models[1]});
  EXPECT_EQ(tensor_of(listed, "n").sources[0].model, 1u);
}

TEST(Types, AnIntegerHereAndAFloatThereIsAnError) {
  EXPECT_THAT(report(recipe_for("linear", false, 2, weighted),
                     {catalogue("a", tensors({"w"}, DType::i32)), catalogue("b", tensors({"w"}, DType::f32))}),
              AllOf(HasSubstr("TEN003"), HasSubstr("I32 in 'a'"), HasSubstr("F32 in 'b'")));
}

TEST(Types, PackedOnesAreOnlyCopiedAndOnlyByPassthrough) {
  const auto packed = alike(1, tensors({"w"}, DType::f8_e8m0));
  EXPECT_THAT(report(recipe_for("linear", false, 1, weighted), packed),
              AllOf(HasSubstr("TEN003"), HasSubstr("F8_E8M0")));
  EXPECT_THAT(report(recipe_for("passthrough", false, 1, "dtype: bfloat16\n"), packed), HasSubstr("TEN003"));
  const auto plan = planned(recipe_for("passthrough", false, 1), packed);
  EXPECT_EQ(tensor_of(plan, "w").action, Action::copy);
  EXPECT_EQ(tensor_of(plan, "w").output.dtype, DType::f8_e8m0);
}

TEST(Types, QuantisedWeightsAreMergedAndComeOutInBfloat16) {
  const std::vector<TensorInfo> stored{{"w", DType::f8_e4m3, {4, 8}}, {"w_scale", DType::f32, {4, 1}}};
  const auto merged = planned(recipe_for("linear", false, 2, weighted), alike(2, stored));
  ASSERT_EQ(merged.tensors.size(), 1u);
  EXPECT_EQ(merged.tensors[0].action, Action::merge);
  EXPECT_EQ(merged.tensors[0].output.dtype, DType::bf16);
  EXPECT_EQ(merged.input_bytes(0), 2u * 32);
  const auto copied = planned(recipe_for("passthrough", false, 1), alike(1, stored));
  EXPECT_EQ(copied.tensors[0].action, Action::merge);
  EXPECT_TRUE(copied.config.dequantized);
  const auto small = planned(recipe_for("linear", false, 2, weighted + "out_dtype: float8_e5m2\n"), alike(2, stored));
  EXPECT_EQ(small.tensors[0].output.dtype, DType::f8_e5m2);
}

TEST(Types, ACopyIntoAnotherTypeIsAMergeByPassthrough) {
  const auto plan = planned(recipe_for("slerp", true, 2, "parameters: {t: 0.5}\ndtype: float32\n"), holding("a", 2));
  const auto& odd = tensor_of(plan, "odd");
  EXPECT_EQ(odd.action, Action::merge);
  EXPECT_EQ(plan.groups[odd.group].method->name, "passthrough");
  EXPECT_EQ(odd.output.dtype, DType::f32);
  EXPECT_EQ(settings_of(plan, "odd").method().name, "passthrough");
}

TEST(Types, EmptyTensorsAreCopied) {
  const auto plan = planned(recipe_for("linear", false, 2, weighted), alike(2, tensors({"w"}, DType::f32, {0, 4})));
  EXPECT_EQ(tensor_of(plan, "w").action, Action::copy);
}

TEST(Plan, IsTheSameForTensorsStoredInAnyOrder) {
  const auto sorted = holding("abc");
  std::vector<Catalogue> backwards;
  for (const auto& model : sorted) {
    std::vector<TensorInfo> infos;
    for (auto at = model.tensors.rbegin(); at != model.tensors.rend(); ++at) infos.push_back(at->info);
    backwards.push_back(catalogue(model.model, infos));
  }
  const std::string text = recipe_for("ties", true, 3, weighted);
  const auto one = planned(text, sorted), two = planned(text, backwards);
  ASSERT_EQ(one.tensors.size(), two.tensors.size());
  for (std::size_t t = 0; t < one.tensors.size(); ++t) {
    EXPECT_EQ(one.tensors[t].output.name, two.tensors[t].output.name);
    EXPECT_EQ(one.context[t].settings, two.context[t].settings);
  }
}

TEST(Plan, GroupsAreOneTensorEachOrTheWholeModel) {
  const auto models = alike(2, tensors({"u", "v", "w"}));
  const auto text = [](const std::string& scope) {
    return recipe_for("ties", true, 2, "parameters: {weight: 1, density: 0.5, scope: " + scope + "}\n");
  };
  EXPECT_THAT(planned(text("tensor"), models).groups, SizeIs(3));
  const auto whole = planned(text("model"), models);
  ASSERT_THAT(whole.groups, SizeIs(1));
  EXPECT_THAT(whole.groups[0].tensors, ElementsAre(0, 1, 2));
  EXPECT_EQ(whole.groups[0].info.elements, 3u * 32);
  EXPECT_EQ(whole.context[2].first_in_group, 2u * 32);
  EXPECT_GT(whole.groups[0].needs.passes, 0);
  EXPECT_GT(whole.groups[0].needs.tally.counts, 0u);
}

TEST(Plan, ShardsTakeTheirSizeFromOptionThenRecipeThenDefault) {
  const auto models = alike(1, tensors({"u", "v", "w"}));  // 64 bytes each
  EXPECT_THAT(planned(recipe_for("linear", false, 1, weighted), models).shards, SizeIs(1));
  const std::string small = recipe_for("linear", false, 1, weighted + "stockpot: {output: {shard_size: 128}}\n");
  EXPECT_THAT(planned(small, models).shards, SizeIs(2));
  PlanOptions options;
  options.shard_bytes = 64;
  EXPECT_THAT(planned(small, models, options).shards, SizeIs(3));
}

TEST(Plan, CountsTheBytesOfItsInputsAndOutput) {
  const auto plan = planned(recipe_for("ties", true, 3, weighted + "dtype: float32\n"), alike(3, tensors({"v", "w"})));
  EXPECT_EQ(plan.input_bytes(0), 3u * 64);
  EXPECT_EQ(plan.output_bytes(), 2u * 128);
}

}  // namespace
}  // namespace stockpot::plan
