#include "engine/encoded_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "plan/quantised.hpp"
#include "support/error_of.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

template <class T>
std::string bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}
std::string bytes(const std::vector<int>& values) { return {values.begin(), values.end()}; }

/// A model of one quantised weight, in files that begin with three other bytes.
class QuantisedModel {
 public:
  QuantisedModel& with(std::string name, DType dtype, Shape shape, const std::string& data) {
    StoredTensor stored{{std::move(name), dtype, std::move(shape)}, static_cast<std::uint32_t>(model.files.size()), 3};
    EXPECT_EQ(stored.info.bytes(), data.size()) << stored.info.name;
    model.files.push_back({directory.write(std::to_string(stored.file), "xxx" + data), 0, 0, 0});
    model.tensors.push_back(std::move(stored));
    return *this;
  }

  const Source& source() {
    std::ranges::sort(model.tensors, {}, [](const StoredTensor& t) { return t.info.name; });
    std::vector<std::string> notes;
    plan::find_quantised(model, notes);
    EXPECT_EQ(model.tensors.size(), 1u);
    made = make_plain_source(model, model.tensors.front(), cache, round_to);
    return *made;
  }

  template <class T = float>
  std::vector<T> values() {
    const Source& from = source();
    return part<T>(from, {0, model.tensors.front().info.elements()});
  }

  template <class T = float>
  static std::vector<T> part(const Source& from, ElementRange range) {
    std::vector<std::byte> stored(from.stored_bytes(range));
    std::vector<T> out(range.count);
    from.read(range, stored);
    from.decode(stored, range, range, std::span<T>(out));
    return out;
  }

  Catalogue model;
  InputFiles files{posix_source()};
  SmallTensors cache{files, 1 << 20};
  std::optional<DType> round_to;
  std::unique_ptr<Source> made;

 private:
  test::TemporaryDirectory directory;
};

/// 1 and 2 by turns, in F8_E4M3.
std::string ones_and_twos(std::size_t count) {
  std::string codes;
  for (std::size_t i = 0; i < count; ++i) codes += static_cast<char>(i % 2 == 0 ? 0x38 : 0x40);
  return codes;
}

TEST(EncodedSource, BlocksAtTheEdgesArePartial) {
  QuantisedModel m;
  m.model.config.block_rows = 2;
  m.model.config.block_columns = 3;
  m.with("x.weight", DType::f8_e4m3, {3, 4}, ones_and_twos(12))
      .with("x.weight_scale_inv", DType::f32, {2, 2}, bytes<float>({10, 100, 0.5f, -1}));
  EXPECT_THAT(m.values(), ElementsAre(10, 20, 10, 200, 10, 20, 10, 200, 0.5f, 1, 0.5f, -2));
  EXPECT_THAT(m.values<double>(), ElementsAre(10, 20, 10, 200, 10, 20, 10, 200, 0.5, 1, 0.5, -2));
}

TEST(EncodedSource, TheLastBlockOfTheLastRowHasTheLastScale) {
  QuantisedModel m;
  m.with("x.weight", DType::f8_e4m3, {130, 129}, ones_and_twos(130 * 129))
      .with("x.weight_scale_inv", DType::f32, {2, 2}, bytes<float>({1, 2, 3, 4}));
  const auto values = m.values();
  EXPECT_EQ(values[0], 1);
  EXPECT_EQ(values[128], 2);            // row 0, its last column: an even place, one times two
  EXPECT_EQ(values[127 * 129 + 2], 2);  // row 127: an odd place
  EXPECT_EQ(values[128 * 129], 3);
  EXPECT_EQ(values[129 * 129 + 128], 8);
}

TEST(EncodedSource, AnyRangeGivesTheSameBits) {
  QuantisedModel m;
  std::vector<int> codes;
  for (int i = 0; i < 3 * 64 / 2; ++i) codes.push_back(i * 37 % 256);
  m.with("x.weight_packed", DType::u8, {3, 32}, bytes(codes))
      .with("x.weight_scale", DType::u8, {3, 2}, bytes({127, 128, 126, 127, 130, 120}));
  const auto all = m.values();
  for (std::uint64_t first = 0; first < all.size(); first += 7) {
    for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{33}, all.size() - first}) {
      const ElementRange range{first, std::min<std::uint64_t>(count, all.size() - first)};
      const std::vector<float> wanted(all.begin() + static_cast<std::ptrdiff_t>(range.first),
                                      all.begin() + static_cast<std::ptrdiff_t>(range.end()));
      ASSERT_EQ(QuantisedModel::part<>(*m.made, range), wanted) << first << ' ' << count;
    }
  }
}

TEST(EncodedSource, TheLowHalfOfAByteIsTheFirstValue) {
  QuantisedModel m;
  std::vector<int> codes(16, 0);
  codes[0] = 0x71;  // 0.5, 6
  codes[1] = 0xF8;  // -0, -6
  m.with("x.weight_packed", DType::u8, {1, 16}, bytes(codes)).with("x.weight_scale", DType::u8, {1, 1}, bytes({128}));
  const auto values = m.values();
  EXPECT_THAT((std::vector<float>{values[0], values[1], values[2], values[3]}), ElementsAre(1, 12, 0, -12));
  EXPECT_TRUE(std::signbit(values[2]));
}

TEST(EncodedSource, AGlobalScaleDividesScales) {
  QuantisedModel m;
  m.with("x.weight_packed", DType::u8, {1, 8}, bytes(std::vector<int>(8, 0x22)))
      .with("x.weight_scale", DType::f8_e4m3, {1, 1}, bytes({0x40}))
      .with("x.weight_global_scale", DType::f32, {1}, bytes<float>({3}));
  EXPECT_THAT(m.values(), ElementsAreArray(std::vector<float>(16, 1.0f * (2.0f / 3.0f))));
}

TEST(EncodedSource, WordsHoldCodesFromTheLowBitsOn) {
  QuantisedModel m;
  m.model.packed_shapes["x.weight_shape"] = {2, 8};
  m.with("x.weight_packed", DType::i32, {2, 1}, bytes<std::uint32_t>({0x76543210, 0xFEDCBA98}))
      .with("x.weight_scale", DType::f32, {2, 2}, bytes<float>({1, 10, 100, 1000}))
      .with("x.weight_shape", DType::i64, {2}, bytes<std::int64_t>({2, 8}));
  EXPECT_THAT(m.values(), ElementsAre(-8, -7, -6, -5, -40, -30, -20, -10,  //
                                      0, 100, 200, 300, 4000, 5000, 6000, 7000));
}

TEST(EncodedSource, RowsThatDoNotFillTheirWordsEndBefore) {
  QuantisedModel m;
  m.model.packed_shapes["x.weight_shape"] = {2, 3};
  m.with("x.weight_packed", DType::i32, {2, 1}, bytes<std::uint32_t>({0x77777A98, 0x77777CBA}))
      .with("x.weight_scale", DType::f32, {2, 1}, bytes<float>({1, 2}))
      .with("x.weight_shape", DType::i64, {2}, bytes<std::int64_t>({2, 3}));
  EXPECT_THAT(m.values(), ElementsAre(0, 1, 2, 4, 6, 8));
}

TEST(EncodedSource, ZeroPointsArePackedAlongRows) {
  QuantisedModel m;
  m.model.packed_shapes["x.weight_shape"] = {2, 8};
  m.with("x.weight_packed", DType::i32, {2, 1}, bytes<std::uint32_t>({0x88888888, 0x88888888}))
      .with("x.weight_scale", DType::f32, {2, 2}, bytes<float>({1, 1, 1, 1}))
      .with("x.weight_zero_point", DType::i32, {1, 2}, bytes<std::uint32_t>({0x97, 0x5A}))
      .with("x.weight_shape", DType::i64, {2}, bytes<std::int64_t>({2, 8}));
  // Zero points: row 0 has 7 - 8 and 10 - 8, row 1 has 9 - 8 and 5 - 8.
  EXPECT_THAT(m.values(), ElementsAre(1, 1, 1, 1, -2, -2, -2, -2, -1, -1, -1, -1, 3, 3, 3, 3));
}

TEST(EncodedSource, ColumnsBelongToTheGroupsOfTheIndex) {
  const auto make = [](QuantisedModel& m, const std::vector<std::int32_t>& index) {
    m.model.packed_shapes["x.weight_shape"] = {1, 4};
    m.with("x.weight_packed", DType::i32, {1, 1}, bytes<std::uint32_t>({0x9999}))
        .with("x.weight_scale", DType::f32, {1, 2}, bytes<float>({1, 10}))
        .with("x.weight_g_idx", DType::i32, {4}, bytes<std::int32_t>(index))
        .with("x.weight_shape", DType::i64, {2}, bytes<std::int64_t>({1, 4}));
  };
  QuantisedModel m, unset, wrong;
  make(m, std::vector<std::int32_t>{1, 0, 0, 1});
  EXPECT_THAT(m.values(), ElementsAre(10, 1, 1, 10));
  make(unset, std::vector<std::int32_t>{-1, -1, -1, -1});
  EXPECT_THAT(unset.values(), ElementsAre(1, 1, 10, 10));
  make(wrong, std::vector<std::int32_t>{0, 2, 0, 0});
  EXPECT_EQ(test::error_of([&] { wrong.values(); }).class_code(), "FMT081");
}

TEST(EncodedSource, ZeroPointsAreTakenOffBeforeScaling) {
  QuantisedModel m;
  m.with("x.weight", DType::i8, {1, 4}, bytes({-128, 127, 0, 5}))
      .with("x.weight_scale", DType::f32, {1, 2}, bytes<float>({0.5f, 2}))
      .with("x.weight_zero_point", DType::i8, {1, 2}, bytes({-128, 5}));
  EXPECT_THAT(m.values(), ElementsAre(0, 127.5f, -10, 0));
}

TEST(EncodedSource, EachMatrixOfAStackHasItsScales) {
  QuantisedModel m;
  m.with("e.up", DType::f8_e4m3, {2, 1, 2}, ones_and_twos(4))
      .with("e.up_scale_inv", DType::f32, {2, 1, 1}, bytes<float>({1, 10}));
  EXPECT_THAT(m.values(), ElementsAre(1, 2, 10, 20));
}

TEST(EncodedSource, BlocksOfExpertsAreTransposed) {
  QuantisedModel m;
  std::vector<int> codes(2 * 2 * 16, 0x22);  // ones
  codes[0] = 0x42;                           // expert 0, row 0: 1, 2, then ones
  codes[2 * 16 + 16] = 0x26;                 // expert 1, row 1: 4, 1, then ones
  m.with("e.up_blocks", DType::u8, {2, 2, 1, 16}, bytes(codes))
      .with("e.up_scales", DType::u8, {2, 2, 1}, bytes({127, 128, 127, 128}));
  const auto values = m.values();  // [2, 32, 2]
  ASSERT_EQ(values.size(), 128u);
  EXPECT_THAT((std::vector<float>(values.begin(), values.begin() + 6)), ElementsAre(1, 2, 2, 2, 1, 2));
  EXPECT_THAT((std::vector<float>(values.begin() + 64, values.begin() + 68)), ElementsAre(1, 8, 1, 2));
  EXPECT_EQ(QuantisedModel::part<>(*m.made, {63, 3}), (std::vector<float>{2, 1, 8}));
}

TEST(EncodedSource, InputsMayBeRounded) {
  QuantisedModel m;
  m.round_to = DType::bf16;
  m.with("x.weight", DType::i8, {1, 2}, bytes({3, 1}))
      .with("x.weight_scale", DType::f32, {1, 1}, bytes<float>({1.00390625f}));  // 1 + 2^-8
  EXPECT_THAT(m.values(), ElementsAre(3.015625f, 1.0f));                         // 3 + 3 2^-8 is nearest to 3 + 2^-6
}

TEST(EncodedSource, ScalesThatAreNoNumbersAreNoted) {
  QuantisedModel m;
  m.with("x.weight", DType::f8_e4m3, {1, 2}, ones_and_twos(2)).with("x.weight_scale", DType::f8_e8m0, {}, bytes({255}));
  EXPECT_THAT(m.cache.notes(), IsEmpty());
  EXPECT_TRUE(std::isnan(m.values().front()));
  EXPECT_THAT(m.cache.notes(), ElementsAre("FMT081: : x.weight_scale has scales that are NaN or infinite"));
}

TEST(TurnedSource, LargeMatricesAreReadInStripes) {
  QuantisedModel m;
  m.with("x.weight", DType::i8, {2, 3}, bytes({1, 2, 3, 4, 5, 6}))
      .with("x.weight_scale", DType::f32, {}, bytes<float>({1}));
  m.source();
  const TurnedSource turned(std::move(m.made), 2, 3, m.model.tensors.front(), m.cache, false, 0);
  EXPECT_EQ(QuantisedModel::part<>(turned, {0, 6}), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(QuantisedModel::part<>(turned, {1, 3}), (std::vector<float>{4, 2, 5}));
}

TEST(EncodedSource, ScalesMayBeATransposedView) {
  // [[1, 2], [3, 4]] stored by columns; one code for each block of 1 x 1.
  QuantisedModel quantised;
  quantised.model.config.block_rows = quantised.model.config.block_columns = 1;
  quantised.with("x.weight", DType::f8_e4m3, {2, 2}, std::string(4, 0x38));
  quantised.with("x.weight_scale_inv", DType::f32, {2, 2}, bytes<float>({1, 3, 2, 4}));
  quantised.model.tensors.back().strides = {1, 2};
  EXPECT_THAT(quantised.values(), ElementsAre(1, 2, 3, 4));
}

}  // namespace
}  // namespace stockpot::engine
