// Codes whose scales have names that no scheme of ours has: copied together, or not at all.
#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using testing::HasSubstr;

const std::string linear = "merge_method: linear\nparameters: {weight: 0.5}\nmodels: [{model: a}, {model: b}]\n";
const std::string copied = "merge_method: passthrough\nmodels: [{model: a}]\n";

std::vector<TensorInfo> codes_beside(const std::string& scales, const std::string& codes = "l.wq.weight",
                                     DType dtype = DType::f8_e4m3, const Shape& shape = {1}) {
  return {{codes, dtype, {4, 8}}, {scales, DType::f32, shape}};
}

TEST(UnknownScales, CodesAreNotMergedAsNumbers) {
  for (const char* scales : {"l.wq.qscale_weight", "l.wq.scale", "l.wq.scale_weight", "l.wq.weight_scales",
                             "l.wq.weight.scale", "l.wq.weight_scale_2"}) {
    const std::string text = report(linear, alike(2, codes_beside(scales)));
    EXPECT_THAT(text, HasSubstr("FMT080"));
    EXPECT_THAT(text, HasSubstr("l.wq.weight"));
    EXPECT_THAT(text, HasSubstr(std::string("'") + scales + "'"));
  }
}

TEST(UnknownScales, IntegersAreNotCopiedBesideMergedScales) {
  const auto model = codes_beside("l.wq.weight._scale", "l.wq.weight._data", DType::i8, {4, 1});
  EXPECT_THAT(report(linear, alike(2, model)), HasSubstr("l.wq.weight._data"));
}

TEST(UnknownScales, OneModelWithItsScalesIsCopied) {
  const auto plan = planned(copied, alike(1, codes_beside("l.wq.qscale_weight")));
  EXPECT_EQ(tensor_of(plan, "l.wq.weight").action, Action::copy);
}

TEST(UnknownScales, ACopyIntoAnotherTypeIsNone) {
  EXPECT_THAT(report(copied + "dtype: bfloat16\n", alike(1, codes_beside("l.wq.qscale_weight"))), HasSubstr("FMT080"));
}

TEST(UnknownScales, CodesAndScalesComeFromOneModel) {
  const std::string scales_of_b =
      "merge_method: passthrough\nbase_model: a\nmodels: [{model: b}]\nstockpot: {exclude: [wq.weight]}\n";
  EXPECT_THAT(report(scales_of_b, alike(2, codes_beside("l.wq.qscale_weight"))), HasSubstr("FMT080"));
}

TEST(UnknownScales, WhatBelongsToAnotherTensorIsNoScaleOfThisOne) {
  auto model = codes_beside("l.wq.input_scale");              // of activations
  model.push_back({"l.wq.gain", DType::f32, {4}});            //
  model.push_back({"l.wq.gain_scale", DType::f32, {1}});      // of `gain`
  model.push_back({"l.wk.scale", DType::f32, {1}});           // of another module
  model.push_back({"l.wq.rescaled", DType::f32, {4, 8, 2}});  // larger than the matrix
  const auto plan = planned(linear, alike(2, model));
  EXPECT_EQ(tensor_of(plan, "l.wq.weight").action, Action::merge);
}

TEST(UnknownScales, NumbersOfMoreThan8BitsAreNoCodes) {
  const auto plan = planned(linear, alike(2, codes_beside("l.wq.scale", "l.wq.weight", DType::bf16)));
  EXPECT_EQ(tensor_of(plan, "l.wq.weight").action, Action::merge);
}

}  // namespace
}  // namespace stockpot::plan
