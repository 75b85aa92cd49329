// What is said of a recipe before any model is looked at.
#include "plan/dry_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace stockpot::plan {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string report(const std::string& text) {
  recipe::Recipe recipe = recipe::read_recipe("r.yml", text);
  for (const recipe::MergeDocument& document : recipe.documents) check_without_models(document, recipe.diagnostics);
  return recipe.diagnostics.report();
}

TEST(DryCheck, UnknownParametersAreNamedWhateverStandsBehindThem) {
  const std::string head =
      "merge_method: ties\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1, ";
  for (const char* value : {"1", "", "~", "[]", "{value: }"}) {
    EXPECT_THAT(report(head + "desnity: " + value + "}\n"),
                AllOf(HasSubstr("r.yml:4:25: warning[CFG047]"), HasSubstr("did you mean 'density'?")))
        << value;
  }
  EXPECT_THAT(report("merge_method: ties\nbase_model: a\nmodels: [{model: a, parameters: {weihgt: }}, {model: b}]\n"),
              AllOf(HasSubstr("CFG005"), HasSubstr("did you mean 'weight'?")));
}

TEST(DryCheck, AParameterOutsideOfParametersIsToldWhereItBelongs) {
  const std::string text =
      "merge_method: ties\nbase_model: a\nnormalize: true\nmodels: [{model: a}, {model: b, density: 1}]\n";
  EXPECT_THAT(report(text), AllOf(HasSubstr("r.yml:3:1: warning[CFG006]: unknown key 'normalize'"),
                                  HasSubstr("r.yml:4:33: warning[CFG006]: unknown key 'density'"),
                                  HasSubstr("it is a parameter of 'ties': put it under 'parameters:'\n")));
  EXPECT_THAT(report("merge_method: ties\nbase_model: a\nmodels: [{model: a, normalize: 1}, {model: b}]\n"),
              HasSubstr("it is a parameter of 'ties': put it under 'parameters:' of the document"));
  EXPECT_THAT(report("merge_method: linear\nmodels: [{model: a}]\nselect_topk: .15\n"), Not(HasSubstr("parameter of")));
  EXPECT_THAT(report("merge_method: linear\nmodels: [{model: a}]\npad_to_multiple_of: 64\n"),
              HasSubstr("it is a key of 'tokenizer:'"));
}

}  // namespace
}  // namespace stockpot::plan
