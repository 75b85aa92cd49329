#include "recipe/filter.hpp"

#include <gtest/gtest.h>

namespace stockpot::recipe {
namespace {

constexpr std::string_view name = "model.layers.12.mlp.experts.3.up_proj.weight";

TEST(Filter, AbsentAndAsteriskMatchEveryName) {
  EXPECT_TRUE(filter_matches("", name));
  EXPECT_TRUE(filter_matches("*", name));
  EXPECT_TRUE(filter_matches("*", ""));
}

TEST(Filter, OtherwiseItIsASubstring) {
  EXPECT_TRUE(filter_matches("mlp", name));
  EXPECT_TRUE(filter_matches("layers.1", name));
  EXPECT_FALSE(filter_matches("MLP", name));
  EXPECT_FALSE(filter_matches("mlp*", name));
}

TEST(Filter, ExpressionsAreSearchedInTheName) {
  EXPECT_TRUE(filter_matches(R"(re:experts\.\d+\.)", name));
  EXPECT_TRUE(filter_matches("re:^model", name));
  EXPECT_FALSE(filter_matches("re:^layers", name));
}

TEST(Filter, GlobsMatchTheWholeName) {
  EXPECT_TRUE(filter_matches("glob:*.mlp.*.weight", name));
  EXPECT_TRUE(filter_matches("glob:model.layers.[0-9][0-9].*", name));
  EXPECT_TRUE(filter_matches("glob:model.layers.?2.*", name));
  EXPECT_FALSE(filter_matches("glob:*.mlp", name));
  EXPECT_FALSE(filter_matches("glob:mlp*", name));
}

TEST(Filter, LayersAreTheFirstNumberOfTheNameBoundsIncluded) {
  EXPECT_TRUE(filter_matches("layers:12", name));
  EXPECT_TRUE(filter_matches("layers:0-12", name));
  EXPECT_TRUE(filter_matches("layers:0-2,12-40", name));
  EXPECT_FALSE(filter_matches("layers:3", name));
  EXPECT_FALSE(filter_matches("layers:0-11,13", name));
  EXPECT_FALSE(filter_matches("layers:0-100", "lm_head.weight"));
}

TEST(Filter, BadOnesSayWhatIsWrong) {
  for (const char* filter : {"re:a(", "re:[z-a]", "glob:", "glob:a[b", "layers:", "layers:3-1", "layers:a", "layers:1,",
                             "layers:-1", "layers:1-2-3", "layers:99999999999999999999"}) {
    EXPECT_TRUE(check_filter(filter).has_value()) << filter;
  }
  EXPECT_EQ(check_filter("layers:3-1"), "layers 3-1 run backwards");
  EXPECT_EQ(check_filter(R"(re:experts\.\d+\.)"), std::nullopt);
  EXPECT_EQ(check_filter("glob:[ab]*"), std::nullopt);
}

TEST(Filter, DeepAndHugeExpressionsAreRefused) {
  EXPECT_TRUE(check_filter("re:" + std::string(100'000, '(')).has_value());
  EXPECT_TRUE(check_filter("re:((a{300}){300}){300}").has_value());
}

// With an engine that backtracks, each of these takes longer than the age of the universe.
TEST(Filter, NoExpressionIsTriedForEver) {
  const std::string long_name(900, 'a');
  for (const char* filter :
       {"re:(.*)*xq", "re:(a+)+$x", "re:(a|aa)+x", "re:(a*)*(a*)*x", "re:(([a-z])+.)+[A-Z]([a-z])+$"})
    EXPECT_FALSE(filter_matches(filter, long_name)) << filter;
}

TEST(Filter, BackReferencesAreRefused) {
  EXPECT_EQ(check_filter(R"(re:(a)\1)"), "back references such as '\\1' are not supported: they may take for ever");
}

TEST(Filter, GroupsLookaheadAndBoundariesWork) {
  EXPECT_TRUE(filter_matches(R"(re:layers\.(1|12)\.(?!attn)\bmlp\b)", name));
  EXPECT_FALSE(filter_matches(R"(re:layers\.(1|12)\.(?!mlp))", name));
}

TEST(Filter, OneMadeOnceCanBeTriedOften) {
  const Filter filter("re:q_proj|k_proj");
  EXPECT_TRUE(filter.matches("layers.0.q_proj"));
  EXPECT_TRUE(filter.matches("layers.0.k_proj"));
  EXPECT_FALSE(filter.matches("layers.0.v_proj"));
  EXPECT_EQ(filter.text(), "re:q_proj|k_proj");
}

TEST(Filter, RepetitionsUnfold) {
  EXPECT_EQ(unfolded_characters("abc"), 3u);
  EXPECT_EQ(unfolded_characters("a{3}"), 12u);
  EXPECT_EQ(unfolded_characters("a{2,5}"), 30u);
  EXPECT_EQ(unfolded_characters("(a{10}){10}"), 1100u);
  EXPECT_EQ(unfolded_characters("a{3,}"), 15u);
  EXPECT_EQ(unfolded_characters("a{x}{"), 5u);
  EXPECT_EQ(unfolded_characters("a{99999999999999999999}{9999999999}{9999999999}"), std::uint64_t{1} << 32);
}

TEST(Filter, ThatUnfoldsToTooMuchIsRefused) {
  EXPECT_EQ(check_filter("re:[0-9]{1,6}"), std::nullopt);
  EXPECT_EQ(check_filter("re:(x{300}){300}"), "its repetitions unfold to too much");
}

}  // namespace
}  // namespace stockpot::recipe
