#include "core/nearest.hpp"

#include <gtest/gtest.h>

namespace stockpot {
namespace {

TEST(Nearest, ASwapOfNeighboursIsOneMistake) { EXPECT_EQ(did_you_mean("tise", {"ties"}), "did you mean 'ties'?"); }

TEST(Nearest, AThirdOfTheLettersMayBeWrong) {
  EXPECT_EQ(did_you_mean("wxxght", {"weight"}), "did you mean 'weight'?");
  EXPECT_EQ(did_you_mean("wxxxht", {"weight"}), "");
}

TEST(Nearest, OneLetterOfAShortWordMayBeWrong) {
  EXPECT_EQ(did_you_mean("u", {"t"}), "did you mean 't'?");
  EXPECT_EQ(did_you_mean("ab", {"cd"}), "");
}

TEST(Nearest, CaseAndDashesDoNotCount) {
  EXPECT_EQ(did_you_mean("Task-Arithmetic", {"task_arithmetic"}), "did you mean 'task_arithmetic'?");
}

TEST(Nearest, APrefixIsNearHoweverShort) {
  EXPECT_EQ(did_you_mean("dens", {"density_of_changes"}), "did you mean 'density_of_changes'?");
  EXPECT_EQ(did_you_mean("lambda_value", {"lambda"}), "did you mean 'lambda'?");
}

TEST(Nearest, TheBestTwoAreNamedNearestFirst) {
  EXPECT_EQ(did_you_mean("modell", {"moxxxx", "modem", "model"}), "did you mean 'model' or 'modem'?");
}

TEST(Nearest, WhatAllHaveInCommonIsShownBeforeThem) {
  EXPECT_EQ(did_you_mean("modell", {"modem", "model"}, "a/"), "did you mean 'a/model' or 'a/modem'?");
}

TEST(Nearest, NothingNearSaysNothing) {
  EXPECT_EQ(did_you_mean("ties", {"karcher", "linear"}), "");
  EXPECT_EQ(did_you_mean("ties", {}), "");
  EXPECT_EQ(did_you_mean("", {"t"}), "");
  EXPECT_EQ(did_you_mean("ties", {""}), "");
}

TEST(Nearest, TheWordItselfIsNoSuggestion) { EXPECT_EQ(did_you_mean("ties", {"ties"}), ""); }

}  // namespace
}  // namespace stockpot
