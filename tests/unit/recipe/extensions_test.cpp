#include "recipe/extensions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

Extensions extensions(const std::string& block) { return document(good + "stockpot: " + block + "\n").extensions; }
std::vector<std::string> complaints_about(const std::string& block) {
  return complaints(good + "stockpot: " + block + "\n");
}

TEST(Extensions, HaveDefaults) {
  const Extensions found = document(good).extensions;
  EXPECT_FALSE(found.strict);
  EXPECT_EQ(found.seed, std::nullopt);
  EXPECT_FALSE(found.round_inputs);
  EXPECT_EQ(found.nonfinite, Nonfinite::error);
  EXPECT_EQ(found.missing, Missing::by_method);
  EXPECT_FALSE(found.post_layer_t);
  EXPECT_EQ(found.output_format, std::nullopt);
  EXPECT_EQ(found.shard_bytes, std::nullopt);
  EXPECT_EQ(found.memory_per_rank, std::nullopt);
  EXPECT_EQ(found.unlisted_modules, UnlistedModules::drop);
  EXPECT_EQ(found.exclude_action, ExcludeAction::copy);
  EXPECT_FALSE(found.keep_tied_heads);
}

TEST(Extensions, AreReadByName) {
  const Extensions found = extensions(
      "{strict: yes, seed: 18446744073709551615, round_inputs: true, nonfinite: propagate, missing: drop, "
      "post_layer_t: 1, memory_per_rank: 24GiB, "
      "output: {format: hdf5, shard_size: 2B, metadata: {project: demo, run: 010}}}");
  EXPECT_TRUE(found.strict);
  EXPECT_EQ(found.seed, 18446744073709551615u);
  EXPECT_TRUE(found.round_inputs);
  EXPECT_EQ(found.nonfinite, Nonfinite::propagate);
  EXPECT_EQ(found.missing, Missing::drop);
  EXPECT_TRUE(found.post_layer_t);
  EXPECT_EQ(found.memory_per_rank, 25'769'803'776u);
  EXPECT_EQ(found.output_format, "hdf5");
  EXPECT_EQ(found.shard_bytes, 2'000'000'000u);
  EXPECT_THAT(found.output_metadata, ElementsAre(Pair("project", "demo"), Pair("run", "010")));
}

TEST(Extensions, ChoicesThatAreTheDefaultCanBeWritten) {
  EXPECT_EQ(extensions("{output: {format: dcp}}").output_format, "dcp");
  EXPECT_EQ(extensions("{missing: default}").missing, Missing::by_method);
  EXPECT_EQ(extensions("{missing: error}").missing, Missing::error);
  EXPECT_EQ(extensions("{nonfinite: error}").nonfinite, Nonfinite::error);
  EXPECT_EQ(extensions("{output: {format: safetensors, shard_size: 0}}").shard_bytes, 0u);
}

TEST(Extensions, UnknownKeysAreErrors) {
  EXPECT_THAT(complaints_about("{sede: 1}"), ElementsAre("3:12 error CFG006"));
  EXPECT_THAT(complaints_about("{output: {formt: hdf5}}"), ElementsAre("3:21 error CFG006"));
  EXPECT_THAT(report_on(good + "stockpot: {sede: 1}\n"), HasSubstr("did you mean 'seed'?"));
}

TEST(Extensions, WhatCannotBeObeyedIsRefusedByName) {
  EXPECT_THAT(complaints_about("{gate_vectors: f}"), ElementsAre("3:26 warning CFG007"));
}

TEST(Extensions, QuantisedWeightsMayBeRefused) {
  EXPECT_THAT(complaints_about("{dequantize: never}"), ElementsAre("3:24 error CFG052"));
  EXPECT_EQ(extensions("{}").dequantize, Dequantize::automatic);
  EXPECT_EQ(extensions("{dequantize: auto}").dequantize, Dequantize::automatic);
  EXPECT_EQ(extensions("{dequantize: refuse}").dequantize, Dequantize::refuse);
}

TEST(Extensions, WhatHasNoEffectSaysSo) {
  EXPECT_THAT(complaints_about("{row_block: 64MiB}"), ElementsAre("3:12 warning CFG007"));
  EXPECT_THAT(complaints_about("{row_block: wide}"), ElementsAre("3:12 warning CFG007", "3:23 error CFG052"));
}

TEST(Extensions, ModulesAndTiedHeadsHaveSwitches) {
  EXPECT_EQ(extensions("{unlisted_modules: copy}").unlisted_modules, UnlistedModules::copy);
  EXPECT_EQ(extensions("{unlisted_modules: drop}").unlisted_modules, UnlistedModules::drop);
  EXPECT_TRUE(extensions("{keep_tied_heads: yes}").keep_tied_heads);
  EXPECT_THAT(complaints_about("{unlisted_modules: keep}"), ElementsAre("3:30 error CFG052"));
  EXPECT_THAT(complaints_about("{keep_tied_heads: 2}"), ElementsAre("3:29 error CFG052"));
}

TEST(Extensions, WrongValuesAreErrors) {
  EXPECT_THAT(complaints_about("{seed: -1}"), ElementsAre("3:18 error CFG021"));
  EXPECT_THAT(complaints_about("{seed: 1.5}"), ElementsAre("3:18 error CFG021"));
  EXPECT_THAT(complaints_about("{seed: [1]}"), ElementsAre("3:18 error CFG020"));
  EXPECT_THAT(complaints_about("{strict: perhaps}"), ElementsAre("3:20 error CFG052"));
  EXPECT_THAT(complaints_about("{post_layer_t: 2}"), ElementsAre("3:26 error CFG052"));
  EXPECT_THAT(complaints_about("{nonfinite: ignore}"), ElementsAre("3:23 error CFG052"));
  EXPECT_THAT(complaints_about("{memory_per_rank: lots}"), ElementsAre("3:29 error CFG052"));
  EXPECT_THAT(complaints_about("{memory_per_rank: 5B}"), ElementsAre("3:29 error CFG052"));
  EXPECT_THAT(complaints_about("{output: {metadata: {a: [1]}}}"), ElementsAre("3:35 error CFG020"));
  EXPECT_THAT(complaints_about("{output: {metadata: demo}}"), ElementsAre("3:31 error CFG020"));
  EXPECT_THAT(complaints_about("{output: {metadata: {a: b, '': c}}}"), ElementsAre("3:38 error CFG052"));
  EXPECT_THAT(complaints_about(R"({output: {metadata: {"a\0b": c}}})"), ElementsAre("3:32 error CFG052"));
  EXPECT_THAT(complaints_about("{output: hdf5}"), ElementsAre("3:20 error CFG020"));
  EXPECT_THAT(complaints_about("yes"), ElementsAre("3:11 error CFG020"));
}

TEST(Extensions, StrictMakesUnknownKeysErrors) {
  EXPECT_THAT(complaints(good + "stockpot: {strict: true}\nextra: 1\n"), ElementsAre("4:1 error CFG006"));
  EXPECT_THAT(complaints(good + "stockpot: {strict: true}\n"), IsEmpty());
}

}  // namespace
}  // namespace stockpot::recipe
