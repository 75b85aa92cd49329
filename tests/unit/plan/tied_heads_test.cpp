// Heads that are their model's embedding, stored once more or not, and what config.json says of them.
#include <fmt/format.h>

#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

const std::string embedding = "model.embed_tokens.weight", head = "lm_head.weight";

/// Four layers between an embedding and a norm. The class, which config.json does not mention, decides on the head.
Catalogue headless(const std::string& model) {
  std::vector<std::string> names{embedding, "model.norm.weight"};
  for (int l = 0; l < 4; ++l) names.push_back(fmt::format("model.layers.{}.mlp.weight", l));
  Catalogue made = stockpot::test::catalogue(model, tensors(names));
  made.config.architectures = {"GemmaForCausalLM"};
  made.config.layer_counts = {{"num_hidden_layers", 4}};
  return made;
}

Catalogue with_head(const std::string& model, std::optional<bool> tied = std::nullopt) {
  Catalogue made = headless(model);
  const auto place = made.tensors.begin();  // "lm_head" stands before "model"
  made.tensors.insert(place, {{head, DType::bf16, {4, 8}}, 0, 1'000'000});
  made.config.tied_embeddings = tied;
  return made;
}

/// One that stores its embedding once more.
Catalogue with_copy(const std::string& model) {
  Catalogue made = with_head(model, true);
  made.tied_copies = {head};
  return made;
}

/// A model with an adapter that has a head of its own.
Catalogue with_saved_head(Catalogue model) {
  Adapter adapter;
  adapter.reference = "saved";
  adapter.tensors = {{{"base_model.model." + head, DType::bf16, {4, 8}}, 0, 2'000'000}};
  model.adapters = {adapter};
  return model;
}

const std::string stacked =
    "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 3]}]\n"
    "  - sources: [{model: b, layer_range: [1, 4]}]\n";
const std::string mean = "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: b}]\n";
const std::string alone = "merge_method: passthrough\nmodels: [{model: a}]\n";

/// "b: model.embed_tokens.weight", what an output's head is; empty if it has none.
std::string head_of(const MergePlan& plan) {
  for (const auto& tensor : plan.tensors) {
    if (tensor.output.name != head) continue;
    const SourceTensor source = tensor.sources.at(0);
    return fmt::format("{}: {}", plan.models[source.model].model, plan.info(source).name);
  }
  return "";
}

bool unties(const std::string& text, std::vector<Catalogue> models) {
  return planned(text, std::move(models)).config.untie_head;
}

TEST(TiedHeads, OfTheLastModelIsItsEmbeddingWhetherStoredOnceMoreOrNot) {
  for (const Catalogue& first : {headless("a"), with_copy("a"), with_head("a", false)}) {
    for (const Catalogue& last : {headless("b"), with_copy("b")}) {
      const MergePlan plan = planned(stacked, {first, last});
      EXPECT_EQ(head_of(plan), "b: " + embedding);
      EXPECT_TRUE(plan.config.untie_head);
      EXPECT_THAT(texts(plan.remarks), Contains(AllOf(HasSubstr("TEN040"), HasSubstr("'b'"))));
    }
  }
  EXPECT_TRUE(unties(stacked + "stockpot: {keep_tied_heads: true}\n", {with_copy("a"), with_copy("b")}));
}

TEST(TiedHeads, AConfigurationThatPromisesAHeadGetsOneForAStoredCopy) {
  const std::string text = "merge_method: passthrough\nbase_model: a\nmodels: [{model: b}]\n";
  EXPECT_EQ(head_of(planned(text, {with_copy("b"), with_head("a", false)})), "b: " + embedding);
}

TEST(TiedHeads, OfModelsThatAllStoreThemOnceMoreAreNotWritten) {
  const MergePlan plan = planned(mean, {with_copy("a"), with_copy("b")});
  EXPECT_EQ(head_of(plan), "");
  EXPECT_FALSE(plan.config.untie_head);
  EXPECT_EQ(head_of(planned(mean + "stockpot: {keep_tied_heads: true}\n", {with_copy("a"), with_copy("b")})),
            "a: " + head);
}

TEST(TiedHeads, WhoseCopyIsLeftOutAreCalledTiedWhereTheConfigurationLeavesItToTheClass) {
  const auto said = [](const std::string& text, const Catalogue& first) {
    return planned(text, {first, with_copy("b")}).config.assignments.size();
  };
  Catalogue silent = with_copy("a");
  silent.config.tied_embeddings.reset();
  EXPECT_EQ(said(mean, silent), 1u);
  EXPECT_EQ(said(mean + "stockpot: {keep_tied_heads: true}\n", silent), 0u);
  EXPECT_EQ(said(mean, with_copy("a")), 0u);
  EXPECT_EQ(said(mean, headless("a")), 0u);
}

TEST(TiedHeads, ThatAreExcludedAreTheEmbeddingThatTheOutputHas) {
  const std::string text = mean + "stockpot: {exclude: [lm_head]}\n";
  const MergePlan plan = planned(text, {with_copy("a"), with_copy("b")});
  EXPECT_EQ(head_of(plan), "");
  EXPECT_THAT(texts(plan.remarks), Contains(AllOf(HasSubstr("TEN040"), HasSubstr("once more"))));
  EXPECT_EQ(head_of(planned(text, {with_head("a", false), with_head("b", false)})), "a: " + head);
}

TEST(TiedHeads, ThatAreExcludedAndKeptAreWrittenBesideAnEmbeddingThatIsExcludedToo) {
  const auto head_without = [](const std::string& excluded) {
    const std::string text = mean + "stockpot: {keep_tied_heads: true, exclude: [" + excluded + "]}\n";
    return head_of(planned(text, {with_copy("a"), with_copy("b")}));
  };
  EXPECT_EQ(head_without("embed_tokens, lm_head"), "a: " + head);
  EXPECT_EQ(head_without("lm_head"), "") << "the merged embedding is another";
}

/// A tied text model beside a module whose head has rows of another length.
Catalogue with_talker(const std::string& model) {
  Catalogue made = headless(model);
  made.config.tied_embeddings = true;
  for (const auto& [name, shape] : {std::pair<std::string, Shape>{"talker.layers.0.mlp.weight", {4, 4}},
                                    {"talker.layers.1.mlp.weight", {4, 4}},
                                    {"talker.lm_head.weight", {9, 4}}}) {
    made.tensors.push_back({{name, DType::bf16, shape}, 0, 3'000'000});
  }
  return made;
}

TEST(TiedHeads, AHeadOfAnotherModuleDoesNotUntieTheText) {
  const std::string module =
      "merge_method: passthrough\nmodules: {model.layers: {slices: [{sources: [{model: a, layer_range: [0, 2]}]}]}}\n"
      "stockpot: {unlisted_modules: copy}\n";
  for (const std::string& text : {mean, module}) {
    const MergePlan plan =
        planned(text, text == mean ? std::vector{with_talker("a"), with_talker("b")} : std::vector{with_talker("a")});
    EXPECT_FALSE(plan.config.untie_head) << text;
    EXPECT_EQ(tensor_of(plan, "talker.lm_head.weight").output.shape, (Shape{9, 4}));
  }
}

TEST(TiedHeads, AHeadCountsWhicheverOfSeveralEmbeddingsStandsFirst) {
  Catalogue made = with_head("a", true);
  made.tensors.insert(made.tensors.begin(), {{"audio.embed_tokens.weight", DType::bf16, {9, 4}}, 0, 3'000'000});
  EXPECT_TRUE(unties(alone, {made}));
}

TEST(TiedHeads, OfTheTextIsNotTakenForAnotherModules) {
  const std::string text =
      "merge_method: passthrough\nmodules:\n  model.layers:\n    slices:\n"
      "      - sources: [{model: a, layer_range: [0, 3]}]\n      - sources: [{model: b, layer_range: [1, 4]}]\n"
      "stockpot: {unlisted_modules: copy}\n";
  const MergePlan plan = planned(text, {with_talker("a"), with_talker("b")});
  EXPECT_EQ(head_of(plan), "b: " + embedding);
  EXPECT_TRUE(plan.config.untie_head);
}

TEST(TiedHeads, AHeadThatTheAnchorLacksIsSaidByItsConfiguration) {
  EXPECT_TRUE(unties(stacked, {headless("a"), with_head("b")}));
  EXPECT_TRUE(unties(mean, {headless("a"), with_head("b")}));
  EXPECT_TRUE(unties(alone, {with_saved_head(headless("a"))}));
  EXPECT_TRUE(unties(mean + "stockpot: {exclude: [lm_head]}\n", {with_saved_head(headless("a")), headless("b")}));
  EXPECT_FALSE(unties(mean, {headless("a"), headless("b")}));
}

TEST(TiedHeads, AMergedHeadIsSaidByAConfigurationThatLeavesItToTheClass) {
  EXPECT_TRUE(unties(mean, {with_head("a"), with_head("b")}));
  EXPECT_TRUE(unties(stacked, {with_head("a"), with_head("b")}));
}

TEST(TiedHeads, AConfigurationWithoutTheKeyStaysAsItIsWhereTheHeadDoes) {
  EXPECT_FALSE(unties(alone, {with_head("a")}));
  EXPECT_TRUE(unties(alone, {with_head("a", true)}));
}

}  // namespace
}  // namespace stockpot::plan
