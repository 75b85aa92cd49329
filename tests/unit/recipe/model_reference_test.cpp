#include "recipe/model_reference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string with_model(const std::string& reference) {
  return "merge_method: linear\nmodels:\n- model: " + reference + "\n";
}

ModelReference model(const std::string& reference) { return document(with_model(reference)).models().at(0); }

TEST(ModelReference, AStringIsAPathAndMayHaveARevision) {
  EXPECT_EQ(model("org/a").path, "org/a");
  EXPECT_EQ(model("org/a").revision, "");
  EXPECT_EQ(model("org/a@v1").path, "org/a");
  EXPECT_EQ(model("org/a@v1").revision, "v1");
  EXPECT_EQ(model("org/a@v1").text, "org/a@v1");
  EXPECT_EQ(model("org/a@v1").at, (Position{3, 10}));
}

TEST(ModelReference, AMappingSaysTheSame) {
  EXPECT_EQ(model("{model: org/a@v1}"), model("org/a@v1"));
  EXPECT_EQ(model("{model: {path: org/a, revision: v1}}"), model("org/a@v1"));
  EXPECT_EQ(model("{model: {path: org/a, revision: ~}, lora: ~, adapters: []}"), model("org/a"));
}

TEST(ModelReference, InAMappingNothingIsSplit) {
  const ModelReference odd = model("{model: {path: \"/data/odd+name@x\"}}");
  EXPECT_EQ(odd.path, "/data/odd+name@x");
  EXPECT_EQ(odd.revision, "");
  EXPECT_FALSE(model("{model: {path: a@b}}") == model("a@b"));
  EXPECT_EQ(model("{model: a+b}").path, "a+b");
}

TEST(ModelReference, EqualityIsOfTheText) { EXPECT_FALSE(model("./a") == model("a")); }

TEST(ModelReference, MoreThanOneAtIsAmbiguous) {
  EXPECT_THAT(complaints(with_model("a@b@c")), ElementsAre("3:10 error REF002"));
  EXPECT_THAT(complaints(with_model("{model: a@b@c}")), ElementsAre("3:18 error REF002"));
}

TEST(ModelReference, PartsMayNotBeEmpty) {
  EXPECT_THAT(complaints(with_model("''")), ElementsAre("3:10 error REF003"));
  EXPECT_THAT(complaints(with_model("a@")), ElementsAre("3:10 error REF003"));
  EXPECT_THAT(complaints(with_model("'@b'")), ElementsAre("3:10 error REF003"));
  EXPECT_THAT(complaints(with_model("a+")), ElementsAre("3:10 error REF003"));
  EXPECT_THAT(complaints(with_model("{model: {path: ''}}")), ElementsAre("3:25 error REF003"));
  EXPECT_THAT(complaints(with_model("{model: {path: a, revision: ''}}")), ElementsAre("3:38 error REF003"));
}

TEST(ModelReference, AdaptersAreRefusedClearly) {
  for (const char* reference : {"base+lora", "base@v1+lora@v2*0.5+other", "'base+lora*-1e-1'"}) {
    EXPECT_THAT(complaints(with_model(reference)), ElementsAre("3:10 error REF020")) << reference;
  }
  EXPECT_THAT(report_on(with_model("base+lora")), HasSubstr("adapters (LoRA) are not supported by this version yet"));
  EXPECT_THAT(complaints(with_model("{model: a, lora: {path: b}}")), ElementsAre("3:27 error REF020"));
  EXPECT_THAT(complaints(with_model("{model: a, adapters: [{path: b}]}")), ElementsAre("3:31 error REF020"));
}

TEST(ModelReference, AnAdaptersSyntaxIsCheckedFirst) {
  EXPECT_THAT(complaints(with_model("base+lora*heavy")), ElementsAre("3:10 error REF001"));
  EXPECT_THAT(complaints(with_model("base+lora*")), ElementsAre("3:10 error REF001"));
  EXPECT_THAT(complaints(with_model("base+a@b@c")), ElementsAre("3:10 error REF002"));
  EXPECT_THAT(complaints(with_model("base+*2")), ElementsAre("3:10 error REF003"));
}

TEST(ModelReference, AnotherArchitectureIsRefused) {
  EXPECT_THAT(complaints(with_model("{model: a, override_architecture: Llama}")), ElementsAre("3:44 error CFG015"));
}

TEST(ModelReference, OtherShapesAreMistakes) {
  EXPECT_THAT(complaints(with_model("[a]")), ElementsAre("3:10 error CFG020"));
  EXPECT_THAT(complaints(with_model("{lora: ~}")), ElementsAre("3:10 error CFG005"));
  EXPECT_THAT(complaints(with_model("{model: {revision: v1}}")), ElementsAre("3:18 error CFG005"));
  EXPECT_THAT(complaints(with_model("{model: [a]}")), ElementsAre("3:18 error CFG020"));
  EXPECT_THAT(complaints(with_model("{model: a, modle: b}")), ElementsAre("3:21 warning CFG006"));
}

}  // namespace
}  // namespace stockpot::recipe
