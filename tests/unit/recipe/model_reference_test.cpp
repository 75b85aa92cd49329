#include "recipe/model_reference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;

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

TEST(ModelReference, AdaptersFollowInTheirOrderWithTheirWeights) {
  const ModelReference found = model("base@v1+org/lora@v2*0.5+other+third");
  EXPECT_EQ(found.path, "base");
  EXPECT_EQ(found.revision, "v1");
  ASSERT_EQ(found.adapters.size(), 3u);
  EXPECT_EQ(found.adapters[0].path, "org/lora");
  EXPECT_EQ(found.adapters[0].revision, "v2");
  EXPECT_EQ(found.adapters[0].weight, 0.5);
  EXPECT_EQ(found.adapters[0].text, "org/lora@v2");
  EXPECT_EQ(found.adapters[1].path, "other");
  EXPECT_EQ(found.adapters[1].revision, "");
  EXPECT_EQ(found.adapters[1].weight, 1.0);
}

TEST(ModelReference, AWeightIsWhatFollowsTheLastAsterisk) {
  EXPECT_EQ(model("a+b*-1e-1").adapters.at(0).weight, -0.1);
  EXPECT_EQ(model("a+b*2*0.5").adapters.at(0).weight, 0.5);
  EXPECT_EQ(model("a+b*2*0.5").adapters.at(0).path, "b*2");
  EXPECT_EQ(model("a*2").path, "a*2");
  EXPECT_EQ(model("a*2+b*2").path, "a*2");
}

TEST(ModelReference, AMappingNamesOneAdapterOrSeveral) {
  EXPECT_EQ(model("{model: a, lora: b@v2}"), model("a+b@v2"));
  EXPECT_EQ(model("{model: {path: a, revision: v1}, lora: {path: b, revision: v2}}"), model("a@v1+b@v2"));
  EXPECT_EQ(model("{model: a, adapters: [{path: b}, {path: c@v3, weight: 0.25}]}"), model("a+b+c@v3*0.25"));
  EXPECT_EQ(model("{model: a, adapters: [{path: {path: b, revision: v2}, weight: '2'}]}"), model("a+b@v2*2"));
  EXPECT_EQ(model("{model: a, adapters: [{path: b, weight: ~}]}"), model("a+b"));
}

TEST(ModelReference, InAMappingAdaptersAreNotSplit) {
  const ModelReference odd = model("{model: a, lora: {path: 'b@c+d*2'}}");
  EXPECT_EQ(odd.adapters.at(0).path, "b@c+d*2");
  EXPECT_EQ(odd.adapters.at(0).revision, "");
  EXPECT_EQ(model("{model: a, lora: b*2}").adapters.at(0).path, "b*2");
}

TEST(ModelReference, ItsTextIsTheStringFormWithoutWeightsOfOne) {
  EXPECT_EQ(model("a+b*1.0+c*5e-1").text, "a+b+c*0.5");
  EXPECT_EQ(model("a@v1+b@v2*1e300").text, "a@v1+b@v2*1e300");
  EXPECT_EQ(model("{model: {path: x+y, revision: v1}, lora: b}").text, "{path: x+y}@v1+b");
  EXPECT_EQ(model("{model: a, lora: {path: b*2}}").text, "a+{path: b*2}");
  EXPECT_EQ(model("{model: a+b, override_architecture: Llama}").text,
            "{model: {path: a+b}, override_architecture: Llama}");
}

TEST(ModelReference, TextsDifferWhereReferencesDo) {
  const std::vector<std::string> references{
      "a",
      "a@b",
      "a+b",
      "a+b*2",
      "a+b@2",
      "a+b+b",
      "{model: {path: a+b}}",
      "{model: {path: 'a+b*2'}}",
      "{model: {path: a@b}}",
      "{model: {path: a, revision: b+c}}",
      "{model: {path: a}, lora: {path: b+c}}",
      "{model: {path: a}, lora: {path: b*2}}",
      "{model: {path: a}, lora: {path: b, revision: '2*3'}}",
      "{model: {path: 'x@y'}}",
      "'{path: x@y}'",  // a path that begins with a brace, and its revision
      "{model: {path: 'x+y}@r'}}",
      "{model: {path: x+y, revision: r}}",
      "{model: {path: x+y, revision: 'r}@s'}}",
      "{model: {path: 'x+y}@r', revision: s}}",
      "{model: {path: 'x+y, revision: r'}}",
      "{model: {path: 'x+y', revision: 'r+s'}}",
      "{model: {path: 'x+y, revision: r+s'}}",
      "{model: {path: '\"x+y\"'}}",
      "{model: {path: '\\\"x+y\\\"'}}",
      "{model: a, override_architecture: L}",
      "{model: a, override_architecture: M}",
      "{model: a, lora: b, override_architecture: L}",
      "'{model: a, override_architecture: L}'",
      "{model: {path: '{model: a, override_architecture: L}'}, override_architecture: L}",
  };
  std::map<std::string, std::string> seen;
  for (const std::string& reference : references) {
    const auto [other, is_new] = seen.emplace(model(reference).text, reference);
    EXPECT_TRUE(is_new) << reference << " and " << other->second << " are both " << other->first;
  }
}

TEST(ModelReference, AnAdaptersMistakesAreNamed) {
  for (const char* weight : {"heavy", "", ".inf", "1e400", "yes"}) {
    EXPECT_THAT(complaints(with_model(std::string("base+lora*") + weight)), ElementsAre("3:10 error REF001")) << weight;
  }
  EXPECT_THAT(complaints(with_model("base+a@b@c")), ElementsAre("3:10 error REF002"));
  EXPECT_THAT(complaints(with_model("base+*2")), ElementsAre("3:10 error REF003"));
  EXPECT_THAT(complaints(with_model("base++a")), ElementsAre("3:10 error REF003"));
  EXPECT_THAT(complaints(with_model("+a")), ElementsAre("3:10 error REF003"));
  EXPECT_THAT(complaints(with_model("base+a@")), ElementsAre("3:10 error REF003"));
  EXPECT_THAT(complaints(with_model("{model: a, lora: b@c@d}")), ElementsAre("3:27 error REF002"));
  EXPECT_THAT(complaints(with_model("{model: a, adapters: [{path: b, weight: x}]}")), ElementsAre("3:50 error REF001"));
  EXPECT_THAT(complaints(with_model("{model: a, adapters: [{weight: 2}]}")), ElementsAre("3:32 error CFG005"));
  EXPECT_THAT(complaints(with_model("{model: a, adapters: [b]}")), ElementsAre("3:32 error CFG020"));
  EXPECT_THAT(complaints(with_model("{model: a, adapters: b}")), ElementsAre("3:31 error CFG020"));
  EXPECT_THAT(complaints(with_model("{model: a, lora: b, adapters: [{path: c}]}")), ElementsAre("3:30 error CFG013"));
}

TEST(ModelReference, AnotherArchitectureIsPartOfIt) {
  const ModelReference other = model("{model: a@v1, override_architecture: LlamaForCausalLM}");
  EXPECT_EQ(other.path, "a");
  EXPECT_EQ(other.revision, "v1");
  EXPECT_EQ(other.override_architecture, "LlamaForCausalLM");
  EXPECT_FALSE(other == model("a@v1"));
  EXPECT_EQ(model("{model: a, override_architecture: ''}"), model("a"));
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
