// Sources that put rows together, on matrices small enough to write down.
#include "engine/decoded_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace stockpot::engine {
namespace {

const PromptTokens no_prompts;

using plan::Gather;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::ElementsAreArray;
using Kind = Gather::Kind;

/// float32 values that lie in memory.
class Values final : public Source {
 public:
  explicit Values(std::vector<float> values) : values_(std::move(values)) {}
  std::uint64_t stored_bytes(ElementRange range) const override { return range.count * sizeof(float); }
  void read(ElementRange range, std::span<std::byte> stored) const override {
    std::memcpy(stored.data(), values_.data() + range.first, range.count * sizeof(float));
  }
  void will_need(ElementRange) const override {}
  bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
              std::span<float> out) const override {
    std::memcpy(out.data(), stored.data() + (wanted.first - held.first) * sizeof(float), out.size_bytes());
    return false;
  }
  bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
              std::span<double> out) const override {
    std::vector<float> single(out.size());
    decode(stored, held, wanted, std::span(single));
    std::ranges::copy(single, out.begin());
    return false;
  }
  const std::string& model() const override { return name_; }
  const std::string& path() const override { return name_; }

 private:
  std::vector<float> values_;
  std::string name_ = "values";
};

template <class T>
std::vector<T> read(const Source& source, ElementRange range) {
  std::vector<T> values(range.count);
  read_values(source, range, std::span(values));
  return values;
}

/// Four tokens of two columns: the first part's row, zeros, the mean of both parts' first rows, padding.
Gather four_rows() {
  return {.shape = {4, 2},
          .row_elements = 2,
          .parts = {{0, 0}, {1, 0}},
          .runs = {{0, 1, Kind::stored, 1, 1},
                   {1, 1, Kind::zero, 0, 0},
                   {2, 1, Kind::mean, 0, 0},
                   {3, 1, Kind::mean_of_stored, 0, 0}},
          .means = {{{0, 0}, {1, 0}}}};
}

std::unique_ptr<GatheredSource> gathered(const Gather& gather, GatherMeans& means, bool as_double) {
  std::vector<std::unique_ptr<Source>> parts;
  parts.push_back(std::make_unique<Values>(std::vector<float>{1, 2, 3, 4}));
  parts.push_back(std::make_unique<Values>(std::vector<float>{5, 6, 7, 9}));
  return std::make_unique<GatheredSource>(gather, std::move(parts), no_prompts, means, as_double);
}

TEST(GatheredSource, PutsRowsTogether) {
  const Gather gather = four_rows();
  GatherMeans means;
  // Row 1 of the second part; zeros; ((1, 2) + (5, 6)) / 2; the mean of the three rows above.
  const std::vector<double> want{7, 9, 0, 0, 3, 4, 10.0 / 3.0, 13.0 / 3.0};
  EXPECT_THAT(read<double>(*gathered(gather, means, true), {0, 8}), ElementsAreArray(want));
  const std::vector<float> single(want.begin(), want.end());
  EXPECT_THAT(read<float>(*gathered(gather, means, false), {0, 8}), ElementsAreArray(single));
}

TEST(GatheredSource, AnyRangeGivesTheSameValues) {
  const Gather gather = four_rows();
  GatherMeans means;
  const auto source = gathered(gather, means, false);
  const auto all = read<float>(*source, {0, 8});
  for (std::uint64_t first = 0; first < 8; ++first) {
    for (std::uint64_t count = 1; first + count <= 8; ++count) {
      const std::vector<float> want(all.begin() + static_cast<std::ptrdiff_t>(first),
                                    all.begin() + static_cast<std::ptrdiff_t>(first + count));
      EXPECT_EQ(read<float>(*source, {first, count}), want) << first << " " << count;
    }
  }
}

TEST(GatheredSource, PiecesNeedNotEndAtRows) {
  const Gather gather{.shape = {5},
                      .row_elements = 1,
                      .parts = {{0, 0}, {0, 1}},
                      .runs = {{0, 3, Kind::stored, 0, 1}, {3, 2, Kind::stored, 1, 0}},
                      .means = {}};
  GatherMeans means;
  EXPECT_THAT(read<float>(*gathered(gather, means, false), {0, 5}), ElementsAre(2, 3, 4, 5, 6));
  EXPECT_THAT(read<float>(*gathered(gather, means, false), {2, 2}), ElementsAre(4, 5));
}

TEST(GatheredSource, RowsOfPromptsAreDirections) {
  const Gather gather{.shape = {3, 2},
                      .row_elements = 2,
                      .parts = {{0, 0}},
                      .runs = {{0, 1, Kind::prompts, 0}, {1, 1, Kind::prompts, 1}, {2, 1, Kind::prompts, 2}},
                      .means = {}};
  // (3, 4) has length 5; 3 (3, 4) + (0, -7) = (9, 5) has the root of 106, less (0, -1); of nothing comes nothing.
  const PromptTokens prompts{{{{{0, 1}}, {}}, {{{0, 3}, {1, 1}}, {{1, 2}}}, {{}, {}}}};
  std::vector<std::unique_ptr<Source>> parts;
  parts.push_back(std::make_unique<Values>(std::vector<float>{3, 4, 0, -7}));
  GatherMeans means;
  const GatheredSource source(gather, std::move(parts), prompts, means, true);
  const double x = 9 / std::sqrt(106.0), y = 5 / std::sqrt(106.0) + 1, length = std::hypot(x, y);
  EXPECT_THAT(read<double>(source, {0, 6}),
              ElementsAre(DoubleNear(0.6, 1e-15), DoubleNear(0.8, 1e-15), DoubleNear(x / length, 1e-15),
                          DoubleNear(y / length, 1e-15), 0.0, 0.0));
  EXPECT_THAT(read<double>(source, {1, 1}), ElementsAre(DoubleNear(0.8, 1e-15)));
}

TEST(DecodedSource, ReportsWhatIsNotFinite) {
  const Gather gather{
      .shape = {2}, .row_elements = 1, .parts = {{0, 0}}, .runs = {{0, 2, Kind::stored, 0, 0}}, .means = {}};
  GatherMeans means;
  std::vector<std::unique_ptr<Source>> parts;
  parts.push_back(std::make_unique<Values>(std::vector<float>{1, INFINITY}));
  const GatheredSource source(gather, std::move(parts), no_prompts, means, false);
  std::vector<std::byte> stored(source.stored_bytes({0, 2}));
  source.read({0, 2}, stored);
  float value = 0;
  EXPECT_FALSE(source.decode(stored, {0, 2}, {0, 1}, std::span(&value, 1)));
  EXPECT_TRUE(source.decode(stored, {0, 2}, {1, 1}, std::span(&value, 1)));
}

TEST(CutSource, TakesTheFirstColumnsOfTheFirstRows) {
  const CutSource source(std::make_unique<Values>(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9}), 3, 2, false);
  EXPECT_THAT(read<float>(source, {0, 4}), ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(read<float>(source, {1, 2}), ElementsAre(2, 4));
}

}  // namespace
}  // namespace stockpot::engine
