#include "recipe/moe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"
#include "recipe/print.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Two experts without prompts in two lines; what a test adds begins in line 3.
const std::string two = "base_model: a\nexperts: [{source_model: b}, {source_model: c}]\n";
const std::string random_two = two + "gate_mode: random\n";

const std::string upcycling = R"(base_model: org/small-1b
architecture: mixtral
gate_mode: random
experts_per_token: 2
dtype: bfloat16
experts:
  - {source_model: org/small-1b, noise_scale: 0.01}
  - {source_model: org/small-1b, noise_scale: 0.01}
  - {source_model: org/small-1b-code}
  - {source_model: org/small-1b-math, residual_scale: 0.9}
)";

TEST(Moe, SparseUpcyclingIsReadInFull) {
  const MergeDocument read = document(upcycling);
  ASSERT_TRUE(read.moe);
  EXPECT_EQ(read.anchor().text, "org/small-1b");
  EXPECT_EQ(read.dtype, DType::bf16);
  EXPECT_EQ(read.moe->architecture, MoeArchitecture::mixtral);
  EXPECT_EQ(read.moe->gate_mode, GateMode::random);
  EXPECT_EQ(read.moe->experts_per_token, 2U);
  EXPECT_EQ(read.moe->layout, ExpertLayout::hub);
  ASSERT_EQ(read.moe->experts.size(), 4U);
  EXPECT_EQ(read.moe->experts[1].noise_scale, 0.01);
  EXPECT_EQ(read.moe->experts[2].noise_scale, 0.0);
  EXPECT_EQ(read.moe->experts[2].residual_scale, 1.0);
  EXPECT_EQ(read.moe->experts[3].residual_scale, 0.9);
  EXPECT_EQ(read.moe->experts[3].at, (Position{10, 5}));
}

TEST(Moe, EveryModelIsListedOnceTheBaseLast) {
  std::vector<std::string> models;
  const auto read = document(random_two + "shared_experts: [{source_model: d}, {source_model: b}]\n");
  for (const ModelReference& model : read.models()) models.push_back(model.text);
  EXPECT_THAT(models, ElementsAre("b", "c", "d", "a"));
}

TEST(Moe, ArchitecturesHaveOurNamesAndTheBeginningsOfOthers) {
  const auto architecture = [](const std::string& text) {
    return document(random_two + "architecture: " + text + "\n").moe->architecture;
  };
  EXPECT_EQ(architecture("MIXTRAL"), MoeArchitecture::mixtral);
  EXPECT_EQ(architecture("deepseek"), MoeArchitecture::deepseek);
  EXPECT_EQ(architecture("DeepSeek MoE"), MoeArchitecture::deepseek);
  EXPECT_EQ(architecture("qwen"), MoeArchitecture::qwen2_moe);
  EXPECT_EQ(architecture("qwen2_moe"), MoeArchitecture::qwen2_moe);
  EXPECT_EQ(architecture("qwen3"), MoeArchitecture::qwen3_moe);
  EXPECT_EQ(architecture("Qwen3_MoE"), MoeArchitecture::qwen3_moe);
  EXPECT_EQ(architecture("~"), std::nullopt);
  EXPECT_THAT(complaints(random_two + "architecture: mixtrla\n"), ElementsAre("4:15 error MOE002"));
  EXPECT_THAT(report_on(random_two + "architecture: mixtrla\n"), HasSubstr("did you mean 'mixtral'"));
  EXPECT_THAT(report_on(random_two + "architecture: qwen2\n"), HasSubstr("There are mixtral, deepseek, qwen2_moe and"));
  EXPECT_THAT(report_on(random_two + "architecture: falcon\n"),
              HasSubstr("there are mixtral, deepseek, qwen2_moe and"));
}

TEST(Moe, ExpertsPerTokenAreAtMostAllOfThem) {
  EXPECT_THAT(complaints(random_two + "experts_per_token: 2\n"), IsEmpty());
  EXPECT_THAT(complaints(random_two + "experts_per_token: 3\n"), ElementsAre("4:20 error MOE001"));
  EXPECT_THAT(complaints(random_two + "experts_per_token: 0\n"), ElementsAre("4:20 error MOE001"));
  EXPECT_THAT(complaints("base_model: a\ngate_mode: random\nexperts: [{source_model: b}]\n"),
              ElementsAre("3:1 error MOE001"));
}

TEST(Moe, OddNumbersOfExpertsAreWarnedOf) {
  EXPECT_THAT(complaints("base_model: a\ngate_mode: random\nexperts: [{source_model: b}, {source_model: c}, "
                         "{source_model: d}]\n"),
              ElementsAre("3:1 warning MOE007"));
}

TEST(Moe, GatesThatNeedAModelToRunAreRefused) {
  const std::string prompts =
      "base_model: a\nexperts:\n- {source_model: b, positive_prompts: [x]}\n"
      "- {source_model: c, positive_prompts: [y]}\n";
  EXPECT_THAT(complaints(prompts), ElementsAre("2:1 error MOE011"));
  EXPECT_THAT(complaints(prompts + "gate_mode: hidden_avg\n"), ElementsAre("5:12 error MOE011"));
  EXPECT_THAT(report_on(prompts), HasSubstr("gate_mode hidden (the default)"));
  EXPECT_THAT(complaints(prompts + "gate_mode: cheap_embed\n"), IsEmpty());
  EXPECT_THAT(complaints(prompts + "gate_mode: uniform_random\n"), IsEmpty());
  EXPECT_THAT(complaints(prompts + "gate_mode: rnadom\n"), ElementsAre("5:12 error CFG052"));
}

TEST(Moe, VectorsFromAFileTakeThePlaceOfHiddenStates) {
  EXPECT_THAT(complaints(two + "stockpot: {gate_vectors: f}\n"), IsEmpty());
  EXPECT_THAT(complaints(two + "gate_mode: hidden_last\nstockpot: {gate_vectors: f}\n"), IsEmpty());
  EXPECT_THAT(complaints(random_two + "stockpot: {gate_vectors: f}\n"), ElementsAre("4:26 warning CFG007"));
}

TEST(Moe, PromptsAreWantedWhereRowsAreMadeFromThem) {
  EXPECT_THAT(complaints(two + "gate_mode: cheap_embed\n"), ElementsAre("2:11 error MOE003", "2:30 error MOE003"));
  EXPECT_THAT(complaints(two + "gate_mode: uniform_random\n"), IsEmpty());
  const std::string same =
      "base_model: a\nexperts:\n- {source_model: b, positive_prompts: [x]}\n"
      "- {source_model: c, positive_prompts: [x]}\n";
  EXPECT_THAT(complaints(same + "gate_mode: uniform_random\n"), ElementsAre("2:1 error MOE004"));
  EXPECT_THAT(complaints(same + "gate_mode: random\n"), IsEmpty());
}

TEST(Moe, WhatCouldNotBeReadIsNotMissingAsWell) {
  const std::string texts =
      "base_model: a\ngate_mode: cheap_embed\nexperts:\n- {source_model: b, positive_prompts: x}\n";
  EXPECT_THAT(complaints(texts + "- {source_model: c, positive_prompts: x}\n"),
              ElementsAre("4:39 error CFG020", "5:39 error CFG020"));
  EXPECT_THAT(complaints(texts + "- {source_model: c, positive_prompts: [[y]]}\n"),
              ElementsAre("4:39 error CFG020", "5:40 error CFG020"));
  EXPECT_THAT(complaints(texts + "- {source_model: c, positive_prompts: []}\n"),
              ElementsAre("4:39 error CFG020", "5:3 error MOE003"));
  EXPECT_THAT(complaints(random_two + "shared_experts: [{source_model: d, positive_prompts: x}]\n"),
              ElementsAre("4:54 error CFG020"));
  EXPECT_THAT(complaints("base_model: a\ngate_mode: random\nexperts: [b, {source_model: c}]\n"),
              ElementsAre("3:11 error CFG020"));
  EXPECT_THAT(report_on("base_model: a\ngate_mode: random\nexperts: [b]\n"), HasSubstr("write '{source_model: b}'"));
}

TEST(Moe, SharedExpertsAllHavePromptsOrNone) {
  EXPECT_THAT(
      complaints(random_two + "shared_experts: [{source_model: d, positive_prompts: [x]}, {source_model: e}]\n"),
      ElementsAre("4:1 error MOE006"));
}

TEST(Moe, MistakesAreReportedWhereTheyStand) {
  EXPECT_THAT(complaints("experts: [{source_model: b}, {source_model: c}]\ngate_mode: random\n"),
              ElementsAre("1:1 error CFG005"));
  EXPECT_THAT(complaints("base_model: a\ngate_mode: random\nexperts: []\n"), ElementsAre("3:1 error CFG012"));
  EXPECT_THAT(complaints("base_model: a\ngate_mode: random\nexperts: b\n"), ElementsAre("3:10 error CFG020"));
  EXPECT_THAT(complaints("base_model: a\ngate_mode: random\nexperts: [{source_model: b, noise_scale: -1}, {sorce: c}]\n"
                         "experts_per_token: 1\n"),
              ElementsAre("3:42 error CFG052", "3:47 error CFG005", "3:48 warning CFG006"));
  EXPECT_THAT(complaints(random_two + "merge_method: linear\n"), ElementsAre("4:1 warning CFG006"));
}

TEST(Moe, ReadAgainThePrintedTextSaysTheSame) {
  const std::string text = print_recipe(parse_recipe("r.yml", upcycling));
  EXPECT_EQ(text.substr(0, text.find("stockpot:")), R"(base_model: org/small-1b
architecture: mixtral
gate_mode: random
experts_per_token: 2
layout: hub
experts:
  - source_model: org/small-1b
    noise_scale: 0.01
    residual_scale: 1
  - source_model: org/small-1b
    noise_scale: 0.01
    residual_scale: 1
  - source_model: org/small-1b-code
    noise_scale: 0
    residual_scale: 1
  - source_model: org/small-1b-math
    noise_scale: 0
    residual_scale: 0.9
dtype: bfloat16
)");
  EXPECT_EQ(print_recipe(parse_recipe("r.yml", text)), text);
}

}  // namespace
}  // namespace stockpot::recipe
