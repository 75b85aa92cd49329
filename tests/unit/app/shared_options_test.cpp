#include "app/shared_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.hpp"

namespace stockpot::app {
namespace {

using testing::ElementsAre;

Values values(const std::vector<std::string>& words) {
  const CommandLine line{.name = "merge", .purpose = "", .groups = {merge_options(), search_options()}};
  return read_line(line, words, [](const std::string&) { return std::nullopt; }).value();
}

MergeOptions options(const std::vector<std::string>& words) { return read_merge_options(values(words)); }

TEST(MergeOptions, NothingGivenLeavesTheRecipeInCharge) {
  const MergeOptions o = options({});
  EXPECT_EQ(o.threads, std::nullopt);
  EXPECT_EQ(o.memory_per_rank, std::nullopt);
  EXPECT_EQ(o.seed, std::nullopt);
  EXPECT_EQ(o.shard_bytes, std::nullopt);
  EXPECT_EQ(o.nonfinite, std::nullopt);
  EXPECT_EQ(o.output_format, std::nullopt);
  EXPECT_FALSE(o.strict);
  EXPECT_TRUE(o.write_model_card);
  EXPECT_TRUE(o.copy_tokenizer);
  EXPECT_EQ(o.progress_seconds, 60u);
  EXPECT_EQ(o.log_level, LogLevel::warn);
}

TEST(MergeOptions, AreReadInMergekitsSpelling) {
  const MergeOptions o = options({"--num-threads", "4", "--out-shard-size", "5B", "--random-seed", "7",
                                  "--no-copy-tokenizer", "--no-write-model-card", "--nonfinite", "propagate", "-v"});
  EXPECT_EQ(o.threads, 4u);
  EXPECT_EQ(o.shard_bytes, 5'000'000'000u);
  EXPECT_EQ(o.seed, 7u);
  EXPECT_FALSE(o.copy_tokenizer);
  EXPECT_FALSE(o.write_model_card);
  EXPECT_EQ(o.nonfinite, recipe::Nonfinite::propagate);
  EXPECT_EQ(o.log_level, LogLevel::info);
}

TEST(MergeOptions, QuietBeatsVerbose) { EXPECT_EQ(options({"-vv", "--quiet"}).log_level, LogLevel::error); }

TEST(MergeOptions, OneFilePerOutputIsAShardSizeOfZero) {
  EXPECT_EQ(options({"--out-shard-size", "0"}).shard_bytes, 0u);
}

TEST(MergeOptions, PickleOutputIsRefused) {
  EXPECT_NO_THROW(options({"--safe-serialization"}));
  try {
    options({"--no-safe-serialization"});
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.class_code(), "OPT011");
    EXPECT_EQ(error.kind(), ErrorKind::usage);
  }
}

TEST(MergeOptions, ZeroThreadsAreRefused) { EXPECT_THROW(options({"-j", "0"}), Error); }

TEST(MergeOptions, AnUnknownFormatIsRefused) { EXPECT_THROW(options({"--output-format", "gguf"}), Error); }

TEST(SearchPlaces, StartBesideTheRecipe) {
  const auto places =
      search_places(values({"--model-root", "/a", "--model-root", "/b", "--hf-cache", "/c"}), "some/where/r.yaml");
  EXPECT_EQ(places.recipe_directory, "some/where");
  EXPECT_THAT(places.model_roots, ElementsAre("/a", "/b"));
  EXPECT_EQ(places.cache, "/c");
}

}  // namespace
}  // namespace stockpot::app
