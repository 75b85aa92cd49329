#include "core/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <span>
#include <vector>

namespace stockpot {
namespace {

using ::testing::ElementsAre;

constexpr std::uint64_t all_ones = 0xFFFFFFFFFFFFFFFF;

TEST(Philox, GivesThePublishedKnownAnswers) {
  EXPECT_THAT((RandomStream{0, 0}.words(0)), ElementsAre(0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
  EXPECT_THAT((RandomStream{all_ones, all_ones}.words(all_ones)),
              ElementsAre(0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
  EXPECT_THAT((RandomStream{0x299f31d0a4093822, 0x0370734413198a2e}.words(0x85a308d3243f6a88)),
              ElementsAre(0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u));
}

struct Known {
  const char* model;
  std::uint64_t stream;
  std::vector<std::uint32_t> words;
};
const Known known[] = {
    {"A", 0x1a1d277e5ee6488e, {0x11d65715, 0xdca430b8, 0x69c67780, 0x6215eb2d, 0x65e4422a, 0xe824fa97}},
    {"B", 0x1173ec7e59feb6a3, {0x81993eaa, 0x2010a620, 0xdc1a3e7f, 0xd48b1101, 0x6f130e8f, 0x0e399f1e}},
    {"C", 0x08c9d17e5515a818, {0x9097b322, 0x2fd0249f, 0xe700416c, 0xd42402e1, 0x26bba9a4, 0xde8f36f4}},
};

TEST(RandomStream, NamesOfModelAndTensorChooseTheStream) {
  for (const Known& k : known) EXPECT_EQ(stream_of(0, k.model, "t"), k.stream) << k.model;
}

TEST(RandomStream, WordsOfElementsAreThoseOfTheContract) {
  for (const Known& k : known) {
    const RandomStream stream{42, k.stream};
    for (std::size_t i = 0; i < k.words.size(); ++i) EXPECT_EQ(stream.word(i), k.words[i]) << k.model << ' ' << i;
  }
}

TEST(RandomStream, DomainAndTheBorderBetweenNamesCount) {
  EXPECT_NE(stream_of(0, "A", "t"), stream_of(1, "A", "t"));
  EXPECT_NE(stream_of(0, "ab", "c"), stream_of(0, "a", "bc"));
}

TEST(Draw, ValuesAreThoseOfTheWords) {
  // The first words are 0x11d65715 and 0xdca430b8; normal values from the formulas, in NumPy.
  const RandomStream stream{42, known[0].stream};
  std::array<double, 3> uniform{}, normal{};
  draw(Distribution::uniform, stream, 0, uniform);
  EXPECT_DOUBLE_EQ(uniform[0], 2.0 * (0x11d65715 + 0.5) / 4294967296.0 - 1.0);
  EXPECT_DOUBLE_EQ(uniform[1], 2.0 * (0xdca430b8 + 0.5) / 4294967296.0 - 1.0);
  draw(Distribution::normal, stream, 0, normal);
  EXPECT_NEAR(normal[0], 1.49220936, 1e-8);
  EXPECT_NEAR(normal[1], -1.76099016, 1e-8);
}

TEST(Draw, AnyCutGivesTheSameValues) {
  const RandomStream stream{1, 2};
  std::array<double, 23> whole{};
  draw(Distribution::normal, stream, 5, whole);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::array<double, 23> parts{};
    draw(Distribution::normal, stream, 5, std::span(parts).first(cut));
    draw(Distribution::normal, stream, 5 + cut, std::span(parts).subspan(cut));
    EXPECT_EQ(parts, whole) << cut;
  }
}

TEST(Draw, NormalValuesHaveMeanZeroAndDeviationOne) {
  std::vector<double> values(100'000);
  draw(Distribution::normal, {3, 4}, 0, values);
  double sum = 0.0, squares = 0.0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 1e5, 0.0, 5 / std::sqrt(1e5));
  EXPECT_NEAR(squares / 1e5, 1.0, 5 * std::sqrt(2 / 1e5));
}

TEST(KeepThreshold, IsTruncatedAndReachesBothEnds) {
  EXPECT_EQ(keep_threshold(0.0), 0u);
  EXPECT_EQ(keep_threshold(0.3), 1288490188u);  // 0.3 * 2^32 = 1288490188.8
  EXPECT_EQ(keep_threshold(0.5), 2147483648u);
  EXPECT_EQ(keep_threshold(1.0), 4294967296u);
}

}  // namespace
}  // namespace stockpot
