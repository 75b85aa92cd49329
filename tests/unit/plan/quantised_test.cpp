#include "plan/quantised.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/scale_grid.hpp"
#include "support/catalogues.hpp"
#include "support/error_of.hpp"

namespace stockpot::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Found {
  Catalogue model;
  std::vector<std::string> notes;
};

Found found(std::vector<TensorInfo> tensors, bool quantised = false) {
  Found result{test::catalogue("m", std::move(tensors)), {}};
  result.model.config.quantized = quantised;
  find_quantised(result.model, result.notes);
  return result;
}

std::string code_of(const std::vector<TensorInfo>& tensors, bool quantised = false) {
  const Error error = test::error_of([&] { found(tensors, quantised); });
  EXPECT_TRUE(error.has("tensor") && error.has("file") && error.has("model"));
  return error.class_code();
}

std::vector<std::string> names(const Catalogue& model) {
  std::vector<std::string> all;
  for (const StoredTensor& tensor : model.tensors) all.push_back(tensor.info.name);
  return all;
}

const Encoding& encoding_of(const Catalogue& model, std::string_view name) {
  return model.encodings.at(model.find(name)->encoding);
}

TensorInfo block_codes(std::string name = "x.weight") { return {std::move(name), DType::f8_e4m3, {130, 129}}; }
TensorInfo block_scales(Shape shape = {2, 2}) { return {"x.weight_scale_inv", DType::f32, std::move(shape)}; }

TEST(Quantised, CodesAndScalesBecomeOneTensor) {
  const auto [model, notes] = found({block_codes(), block_scales(), {"n", DType::bf16, {4}}});
  EXPECT_THAT(names(model), ElementsAre("n", "x.weight"));
  const TensorInfo& made = model.find("x.weight")->info;
  EXPECT_EQ(made.dtype, DType::bf16);
  EXPECT_EQ(made.shape, (Shape{130, 129}));
  const Encoding& encoding = encoding_of(model, "x.weight");
  EXPECT_EQ(encoding.codes, Encoding::Codes::f8_e4m3);
  EXPECT_EQ(encoding.grid.block_rows, 128u);
  EXPECT_EQ(encoding.grid.block_columns, 128u);
  EXPECT_THAT(notes, ElementsAre("m: 1 quantised tensors are decoded"));
}

TEST(Quantised, AModelOfNumbersStaysAsItIs) {
  const auto [model, notes] = found({{"a", DType::f8_e4m3, {4, 4}},
                                     {"a.input_scale", DType::f32, {}},
                                     {"b", DType::bf16, {4, 4}},
                                     {"b_scale", DType::f32, {4, 1}},
                                     {"i", DType::i64, {4, 4}}});
  EXPECT_THAT(names(model), ElementsAre("a", "a.input_scale", "b", "b_scale", "i"));
  EXPECT_THAT(notes, IsEmpty());
  EXPECT_THAT(model.encodings, IsEmpty());
}

TEST(Quantised, ScalesOfActivationsGoWithOneNote) {
  const auto [model, notes] = found({block_codes(),
                                     block_scales(),
                                     {"x.input_scale", DType::f32, {}},
                                     {"y.k_scale", DType::f32, {1}},
                                     {"y.v_scale", DType::f32, {1}}});
  EXPECT_THAT(names(model), ElementsAre("x.weight"));
  EXPECT_THAT(notes, ElementsAre(HasSubstr("3 scales of activations"), HasSubstr("1 quantised")));
}

TEST(Quantised, TheSizeOfBlocksIsTheConfigs) {
  Catalogue model = test::catalogue("m", {block_codes(), block_scales({3, 5})});
  model.config.quantized = true;
  model.config.block_rows = 64;
  model.config.block_columns = 32;
  std::vector<std::string> notes;
  find_quantised(model, notes);
  EXPECT_EQ(encoding_of(model, "x.weight").grid.block_rows, 64u);
  EXPECT_EQ(encoding_of(model, "x.weight").grid.block_columns, 32u);
  model = test::catalogue("m", {block_codes(), block_scales()});
  model.config.block_rows = model.config.block_columns = 64;
  EXPECT_EQ(test::error_of([&] { find_quantised(model, notes); }).class_code(), "FMT081");
}

TEST(Quantised, ScalesThatDoNotFitAreRefused) {
  for (const Shape& shape : {Shape{2, 4}, Shape{3, 2}, Shape{2}, Shape{2, 2, 1}, Shape{0, 2}}) {
    EXPECT_EQ(code_of({block_codes(), block_scales(shape)}), "FMT081") << to_string(shape);
  }
  EXPECT_EQ(code_of({block_codes(), {"x.weight_scale_inv", DType::i64, {2, 2}}}), "FMT081");
  EXPECT_EQ(code_of({{"x.weight", DType::i8, {4, 40}},
                     {"x.weight_scale", DType::f32, {4, 2}},
                     {"x.weight_zero_point", DType::i8, {4, 1}}}),
            "FMT081");
  EXPECT_EQ(code_of({{"x_blocks", DType::u8, {2, 4, 3, 16}}, {"x_scales", DType::u8, {2, 4, 4}}}), "FMT081");
  EXPECT_EQ(code_of({{"x.weight_packed", DType::u8, {4, 32}}, {"x.weight_scale", DType::u8, {4, 3}}}), "FMT081");
}

TEST(Quantised, MissingScalesAreRefused) {
  EXPECT_EQ(code_of({block_codes()}, true), "FMT081");
  EXPECT_EQ(code_of({{"x.weight_packed", DType::u8, {4, 32}}, {"x.weight_scale", DType::f8_e4m3, {4, 4}}}), "FMT081");
  EXPECT_EQ(code_of({{"x.weight_packed", DType::i32, {4, 32}}, {"x.weight_scale", DType::f32, {4, 4}}}), "FMT081");
}

TEST(Quantised, OtherSchemesAreRefused) {
  EXPECT_EQ(code_of({{"x.qweight", DType::i32, {4, 4}}}), "FMT080");
  EXPECT_EQ(code_of({{"x.weight", DType::u8, {8, 1}}, {"x.weight.absmax", DType::f32, {1}}}), "FMT080");
  EXPECT_EQ(code_of({{"x.weight", DType::u8, {8, 1}}}, true), "FMT080");
  EXPECT_EQ(code_of({{"x.weight", DType::u8, {8, 16}}, {"x.weight_scale", DType::f8_e4m3, {8, 2}}}), "FMT080");
  EXPECT_EQ(code_of({{"x.weight", DType::i8, {8, 8}}, {"x.SCB", DType::f32, {8}}}), "FMT080");
  EXPECT_EQ(code_of({{"x.weight", DType::bf16, {130, 129}}, block_scales()}), "FMT080");
  EXPECT_EQ(
      code_of(
          {{"x", DType::bf16, {2, 64, 4}}, {"x_blocks", DType::u8, {2, 4, 2, 16}}, {"x_scales", DType::u8, {2, 4, 2}}}),
      "FMT080");
}

TEST(Quantised, IndicesAndBuffersOfAQuantisedModelAreNoWeights) {
  const auto [model, notes] = found({{"embeddings.position_ids", DType::i32, {1, 4}},
                                     {"h.0.attn.bias", DType::u8, {1, 1, 4, 4}},
                                     {"tid2eid", DType::i64, {4, 4}},
                                     {"steps", DType::i32, {4}}},
                                    true);
  EXPECT_EQ(model.tensors.size(), 4u);
}

TEST(Quantised, SizesThatOverflowAreRefused) {
  EXPECT_EQ(code_of({{"x.weight", DType::i8, {0, std::uint64_t{1} << 63}},
                     {"x.weight_scale_inv", DType::u8, {0, std::uint64_t{1} << 59}}}),
            "FMT080");
  EXPECT_EQ(code_of({{"x.weight", DType::f8_e4m3, {std::uint64_t{1} << 29, std::uint64_t{1} << 31}},
                     {"x.weight_scale", DType::f32, {}}}),
            "FMT006");
}

TEST(Quantised, PackedWeightsHaveTheShapeThatTheyName) {
  const auto packed = [](Shape words, const Shape& values) {
    Catalogue model = test::catalogue("m", {{"x.weight_packed", DType::i32, std::move(words)},
                                            {"x.weight_scale", DType::bf16, {4, 1}},
                                            {"x.weight_shape", DType::i64, {2}}});
    model.packed_shapes["x.weight_shape"] = values;
    std::vector<std::string> notes;
    find_quantised(model, notes);
    return model;
  };
  const Catalogue four = packed({4, 6}, {4, 45});
  EXPECT_THAT(names(four), ElementsAre("x.weight"));
  EXPECT_EQ(four.find("x.weight")->info.shape, (Shape{4, 45}));
  EXPECT_EQ(encoding_of(four, "x.weight").codes, Encoding::Codes::offset4);
  EXPECT_EQ(encoding_of(four, "x.weight").pitch, 48u);
  EXPECT_EQ(encoding_of(packed({4, 12}, {4, 45}), "x.weight").codes, Encoding::Codes::offset8);
  const auto code = [&](const Shape& words, const Shape& values) {
    return test::error_of([&] { packed(words, values); }).class_code();
  };
  EXPECT_EQ(code({4, 6}, {5, 45}), "FMT081");
  EXPECT_EQ(code({4, 6}, {4, 90}), "FMT080");
  EXPECT_EQ(code({4, 6}, {4, ~std::uint64_t{0}}), "FMT080");
  EXPECT_EQ(code_of({{"x.weight_packed", DType::i32, {4, 6}},
                     {"x.weight_scale", DType::bf16, {4, 1}},
                     {"x.weight_shape", DType::f32, {2}}}),
            "FMT080");
}

TEST(Quantised, GptOssExpertsAreTheTransposeOfTheirBlocks) {
  const auto [model, notes] =
      found({{"e.gate_up_proj_blocks", DType::u8, {2, 6, 3, 16}}, {"e.gate_up_proj_scales", DType::u8, {2, 6, 3}}});
  EXPECT_THAT(names(model), ElementsAre("e.gate_up_proj"));
  EXPECT_EQ(model.find("e.gate_up_proj")->info.shape, (Shape{2, 96, 6}));
  EXPECT_TRUE(encoding_of(model, "e.gate_up_proj").turned);
}

TEST(ScaleGrid, OneNumberGoesForAll) {
  for (const Shape& scales : {Shape{}, Shape{1}, Shape{1, 1}}) {
    const auto grid = fit_grid({6, 8}, scales, {});
    ASSERT_TRUE(grid);
    EXPECT_EQ(grid->block_rows, 6u);
    EXPECT_EQ(grid->block_columns, 8u);
  }
}

TEST(ScaleGrid, RowsGroupsAndMatricesHaveTheirOwn) {
  EXPECT_EQ(fit_grid({6, 8}, {6}, {})->block_rows, 1u);
  EXPECT_EQ(fit_grid({6, 8}, {6, 1}, {})->block_columns, 8u);
  EXPECT_EQ(fit_grid({6, 8}, {6, 4}, {})->block_columns, 2u);
  EXPECT_TRUE(fit_grid({3, 6, 8}, {3, 1, 1}, {})->per_matrix);
  EXPECT_TRUE(fit_grid({3, 6, 8}, {3}, {})->per_matrix);
  EXPECT_FALSE(fit_grid({3, 6, 8}, {1, 6, 1}, {})->per_matrix);
  EXPECT_FALSE(fit_grid({3, 6, 8}, {2, 6, 1}, {}));
  EXPECT_FALSE(fit_grid({6, 8}, {6, 3}, {}));  // blocks of 3 or of 4?
}

TEST(Quantised, CodesThatAreAViewAreRefused) {
  Catalogue model = test::catalogue("m", {block_codes(), block_scales()});
  const auto codes = std::ranges::find(model.tensors, "x.weight", [](const StoredTensor& t) { return t.info.name; });
  codes->strides = {1, 130};
  std::vector<std::string> notes;
  EXPECT_EQ(test::error_of([&] { find_quantised(model, notes); }).class_code(), "FMT080");
}

}  // namespace
}  // namespace stockpot::plan
