// Rows of embeddings under another vocabulary, on matrices small enough to check by hand.
#include "plan/vocabulary_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stockpot::plan {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = Gather::Kind;
using R = Gather::Run;

/// Model 0 knows tokens 0 to 2, model 1 knows 0, 2, 3 under ids 0, 1, 2; id 4 belongs to no token.
OutputVocabulary two_models() {
  OutputVocabulary v;
  v.tokens = 6;
  v.rows = 8;
  v.own_ids = {{0, 1, 2, -1, -1, -1}, {0, -1, 1, 2, -1, -1}};
  v.used = {1, 1, 1, 1, 0, 1};
  return v;
}

const RowHolder first{0, 5, 3, false}, second{1, 7, 3, false};

Gather gather(const OutputVocabulary& v, const RowHolder& own, std::vector<RowHolder> holders,
              std::vector<std::string>* problems = nullptr) {
  std::vector<std::string> found;
  const auto donor = [&](std::uint32_t model) -> std::optional<RowHolder> { return model == 0 ? first : second; };
  Gather result = VocabularyRows(v).gather({v.rows, 4}, own, holders, donor, problems != nullptr ? *problems : found);
  EXPECT_THAT(found, IsEmpty());
  return result;
}

TEST(VocabularyRows, OwnRowsComeFirstAndOnlyHoldersFillTheRest) {
  const Gather g = gather(two_models(), first, {first, second});
  EXPECT_EQ(g.row_elements, 4u);
  EXPECT_THAT(g.parts, ElementsAre(Gather::Part{0, 5}, Gather::Part{1, 7}));
  EXPECT_THAT(g.runs, ElementsAre(R{0, 3, Kind::stored, 0, 0},            // its own tokens, in one run
                                  R{3, 1, Kind::stored, 1, 2},            // token 3: only the second model has it
                                  R{4, 1, Kind::mean_of_stored, 0, 0},    // no token
                                  R{5, 1, Kind::zero, 0, 0},              // a token that nobody has
                                  R{6, 2, Kind::mean_of_stored, 0, 0}));  // padding
}

TEST(VocabularyRows, OfSeveralHoldersTheBaseGivesTheDefaultRow) {
  OutputVocabulary v = two_models();
  v.own_ids.push_back({-1, -1, -1, -1, -1, -1});
  const RowHolder third{2, 9, 3, false};
  RowHolder base = second;
  base.is_base = true;
  const Gather g = gather(v, third, {first, base, third});
  EXPECT_EQ(g.parts[g.runs[0].part], (Gather::Part{1, 7}));
  EXPECT_EQ(g.runs[0].row, 0u);
  EXPECT_EQ(g.parts[g.runs[1].part], (Gather::Part{0, 5}));  // token 1: the base lacks it
}

TEST(VocabularyRows, WithoutTheBaseSeveralHoldersGiveTheirMean) {
  OutputVocabulary v = two_models();
  v.own_ids.push_back({-1, -1, -1, -1, -1, -1});
  const Gather g = gather(v, {2, 9, 3, false}, {first, second});
  ASSERT_THAT(g.means, SizeIs(2));  // tokens 0 and 2
  EXPECT_EQ(g.runs[0], (R{0, 1, Kind::mean, 0, 0}));
  EXPECT_THAT(g.means[1], ElementsAre(Gather::PartRow{0, 2}, Gather::PartRow{1, 1}));
}

TEST(VocabularyRows, ARowBeyondTheMatrixIsNotTheModels) {
  RowHolder short_one = first;
  short_one.rows = 2;  // token 2 has no row there
  const Gather g = gather(two_models(), short_one, {short_one, second});
  EXPECT_EQ(g.parts[g.runs[1].part], (Gather::Part{1, 7}));
  EXPECT_EQ(g.runs[1].first, 2u);
  EXPECT_EQ(g.runs[1].row, 1u);
}

TEST(VocabularyRows, AForcedTokenHasTheNamedRowInEveryModel) {
  OutputVocabulary v = two_models();
  v.overrides = {{1, OutputVocabulary::Override::Kind::row, 1, 2, true}};
  const Gather g = gather(v, first, {first, second});
  EXPECT_EQ(g.runs[1].first, 1u);
  EXPECT_EQ(g.parts[g.runs[1].part], (Gather::Part{1, 7}));
  EXPECT_EQ(g.runs[1].row, 2u);
}

TEST(VocabularyRows, WithoutForceModelsThatHaveTheTokenKeepTheirRow) {
  OutputVocabulary v = two_models();
  v.overrides = {{3, OutputVocabulary::Override::Kind::zero, 0, 0, false}};
  EXPECT_EQ(gather(v, first, {first, second}).runs[1], (R{3, 1, Kind::zero, 0, 0}));
  const Gather second_rows = gather(v, second, {first, second});
  EXPECT_THAT(second_rows.runs, testing::Contains(R{2, 2, Kind::stored, 0, 1}));  // tokens 2 and 3 are its rows 1, 2
}

TEST(VocabularyRows, ANamedRowThatIsNotThereIsAProblem) {
  OutputVocabulary v = two_models();
  v.overrides = {{3, OutputVocabulary::Override::Kind::row, 1, 3, false}};
  std::vector<std::string> problems;
  gather(v, first, {first, second}, &problems);
  EXPECT_THAT(problems, ElementsAre("token 3: model 1 has no row 3"));
}

TEST(VocabularyRows, TokensThatNobodyHasAreCounted) {
  OutputVocabulary v = two_models();
  const std::vector<RowHolder> holders{first, second};
  EXPECT_EQ(VocabularyRows(v).tokens_without_row(holders), 1u);
  v.overrides = {{5, OutputVocabulary::Override::Kind::zero, 0, 0, false}};
  EXPECT_EQ(VocabularyRows(v).tokens_without_row(holders), 0u);
}

}  // namespace
}  // namespace stockpot::plan
