// Models whose names differ from the anchor's by age or by who saved them.
#include "plan/model_view.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "support/catalogues.hpp"

namespace stockpot::plan {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Catalogue model(const std::vector<std::string>& names, const Shape& shape = {2, 4}) {
  std::vector<TensorInfo> tensors;
  for (const auto& name : names) tensors.push_back({name, DType::bf16, shape});
  return stockpot::test::catalogue("m", tensors);
}

/// "name as in the anchor <- name as stored"
std::vector<std::string> seen(const std::vector<std::string>& anchor, const std::vector<std::string>& other) {
  std::vector<std::string> texts;
  for (const auto& tensor : view_of(model(other), view_of_anchor(model(anchor))).tensors) {
    texts.push_back(tensor.name + " <- " + tensor.own_name);
  }
  return texts;
}

TEST(ModelView, EqualNamesNeedNothing) {
  const auto view = view_of(model({"a", "b"}), view_of_anchor(model({"a", "b"})));
  EXPECT_THAT(view.notes, IsEmpty());
  EXPECT_THAT(view.tensors[1].pieces, ElementsAre(Piece{1, 0, 8}));
}

TEST(ModelView, TensorsOfTrainingAreLeftOut) {
  EXPECT_THAT(view_of_anchor(model({"optimizer.state.x", "rng_state", "w"})).tensors, SizeIs(1));
}

TEST(ModelView, WrappersOfAllNamesComeOff) {
  EXPECT_THAT(seen({"a.w", "b.w"}, {"module._orig_mod.a.w", "module._orig_mod.b.w"}),
              ElementsAre("a.w <- module._orig_mod.a.w", "b.w <- module._orig_mod.b.w"));
}

TEST(ModelView, TheAnchorsOwnWrappersStay) {
  EXPECT_THAT(seen({"module.a.w", "module.b.w"}, {"a.w", "b.w"}),
              ElementsAre("module.a.w <- a.w", "module.b.w <- b.w"));
}

TEST(ModelView, OldNormsAreTheNewOnes) {
  EXPECT_THAT(seen({"x.LayerNorm.bias", "x.LayerNorm.weight"}, {"x.LayerNorm.beta", "x.LayerNorm.gamma"}),
              ElementsAre("x.LayerNorm.bias <- x.LayerNorm.beta", "x.LayerNorm.weight <- x.LayerNorm.gamma"));
}

TEST(ModelView, AnotherRootIsFound) {
  EXPECT_THAT(seen({"transformer.h.0.w", "transformer.wte.weight"}, {"h.0.w", "wte.weight"}),
              ElementsAre("transformer.h.0.w <- h.0.w", "transformer.wte.weight <- wte.weight"));
  EXPECT_THAT(seen({"encoder.w", "pooler.w"}, {"bert.encoder.w", "bert.pooler.w", "cls.bias"}),
              ElementsAre("cls.bias <- cls.bias", "encoder.w <- bert.encoder.w", "pooler.w <- bert.pooler.w"));
}

TEST(ModelView, VisionModelsOfTwoAgesMeet) {
  EXPECT_THAT(seen({"language_model.lm_head.weight", "language_model.model.layers.0.w", "multi_modal_projector.w",
                    "vision_tower.vision_model.encoder.layers.0.w"},
                   {"lm_head.weight", "model.language_model.layers.0.w", "model.multi_modal_projector.w",
                    "model.vision_tower.encoder.layers.0.w"}),
              ElementsAre("language_model.lm_head.weight <- lm_head.weight",
                          "language_model.model.layers.0.w <- model.language_model.layers.0.w",
                          "multi_modal_projector.w <- model.multi_modal_projector.w",
                          "vision_tower.vision_model.encoder.layers.0.w <- model.vision_tower.encoder.layers.0.w"));
}

TEST(ModelView, WhatTheModelHasItselfIsNotTakenAway) {
  EXPECT_THAT(seen({"model.language_model.a", "x"}, {"model.a", "model.language_model.a", "x"}),
              ElementsAre("model.a <- model.a", "model.language_model.a <- model.language_model.a", "x <- x"));
}

TEST(ModelView, HeadsStandBesideTheRoot) {
  std::vector<std::string> anchor{"lm_head.weight"}, other{"lm_head.weight", "score.weight"};
  for (int i = 0; i < 12; ++i) {
    anchor.push_back(fmt::format("transformer.h.{}.w", i));
    other.push_back(fmt::format("h.{}.w", i));
  }
  const ModelView view = view_of(model(other), view_of_anchor(model(anchor)));
  EXPECT_NE(view.find("lm_head.weight"), nullptr);
  EXPECT_NE(view.find("score.weight"), nullptr);
  EXPECT_NE(view.find("transformer.h.7.w"), nullptr);
}

TEST(ModelView, WhatAWrappedAnchorLacksIsNamedLikeTheRest) {
  EXPECT_THAT(seen({"module.l.0.w", "module.l.1.w"}, {"l.0.w", "l.1.w", "l.1.bias"}),
              ElementsAre("module.l.0.w <- l.0.w", "module.l.1.bias <- l.1.bias", "module.l.1.w <- l.1.w"));
}

TEST(ModelView, NamesThatMeetStayApart) {
  std::vector<std::string> anchor{"a"}, other{"a", "model.a", "model.model.a"};
  for (int i = 0; i < 40; ++i) {
    anchor.push_back(fmt::format("t{}", i));
    other.push_back(fmt::format("model.t{}", i));  // so that the root comes off
  }
  std::set<std::string> names;
  const ModelView view = view_of(model(other), view_of_anchor(model(anchor)));
  for (const auto& tensor : view.tensors) names.insert(tensor.name);
  EXPECT_THAT(names, SizeIs(other.size()));
  EXPECT_EQ(view.find("a")->own_name, "a");
  EXPECT_EQ(view.find("model.a")->own_name, "model.a");
  EXPECT_NE(view.find("t39"), nullptr);
}

TEST(ModelView, ANameIsNotAllWrapper) {
  EXPECT_THAT(seen({"w"}, {"module.module."}), ElementsAre("module. <- module.module."));
}

TEST(ModelView, WrappersWithoutEndComeOffInOneGo) {
  std::string name;
  for (int i = 0; i < 1'000'000; ++i) name += "module.";
  EXPECT_NE(view_of(model({name + "w"}), view_of_anchor(model({"w"}))).find("w"), nullptr);  // else minutes
}

Catalogue experts_one_by_one(const std::string& holder, const std::vector<std::string>& roles) {
  std::vector<TensorInfo> tensors{{"model.embed_tokens.weight", DType::bf16, {8, 4}}};
  for (int e = 0; e < 2; ++e) {
    for (std::size_t r = 0; r < 3; ++r) {
      const Shape shape = r == 2 ? Shape{4, 3} : Shape{3, 4};  // gate and up [I, H], down [H, I]
      tensors.push_back(
          {fmt::format("model.layers.0.{}.experts.{}.{}.weight", holder, e, roles[r]), DType::bf16, shape});
    }
  }
  tensors.push_back({fmt::format("model.layers.0.{}.gate.weight", holder), DType::bf16, {2, 4}});
  return stockpot::test::catalogue("single", tensors);
}

Catalogue experts_stacked() {
  return stockpot::test::catalogue("stacked", {{"model.embed_tokens.weight", DType::bf16, {8, 4}},
                                               {"model.layers.0.mlp.experts.gate_up_proj", DType::bf16, {2, 6, 4}},
                                               {"model.layers.0.mlp.experts.down_proj", DType::bf16, {2, 4, 3}},
                                               {"model.layers.0.mlp.gate.weight", DType::bf16, {2, 4}}});
}

TEST(ModelView, SingleExpertsAreLaidEndToEnd) {
  for (const auto& single : {experts_one_by_one("mlp", {"gate_proj", "up_proj", "down_proj"}),
                             experts_one_by_one("block_sparse_moe", {"w1", "w3", "w2"})}) {
    const ModelView view = view_of(single, view_of_anchor(experts_stacked()));
    ASSERT_THAT(view.tensors, SizeIs(4));
    const ViewedTensor& gate_up = *view.find("model.layers.0.mlp.experts.gate_up_proj");
    EXPECT_EQ(gate_up.shape, (Shape{2, 6, 4}));
    std::vector<std::string> order;
    for (const Piece& piece : gate_up.pieces) order.push_back(single.tensors[piece.tensor].info.name);
    ASSERT_THAT(order, SizeIs(4));
    EXPECT_TRUE(order[0].ends_with("experts.0.gate_proj.weight") || order[0].ends_with("experts.0.w1.weight"))
        << order[0];
    EXPECT_TRUE(order[1].ends_with("experts.0.up_proj.weight") || order[1].ends_with("experts.0.w3.weight"))
        << order[1];
    EXPECT_TRUE(order[3].ends_with("experts.1.up_proj.weight") || order[3].ends_with("experts.1.w3.weight"))
        << order[3];
    EXPECT_NE(view.find("model.layers.0.mlp.gate.weight"), nullptr);
  }
}

TEST(ModelView, StackedExpertsAreTakenApart) {
  const Catalogue stacked = experts_stacked();
  const ModelView view = view_of(stacked, view_of_anchor(experts_one_by_one("block_sparse_moe", {"w1", "w3", "w2"})));
  ASSERT_THAT(view.tensors, SizeIs(8));
  const auto piece = [&](const std::string& name) {
    const ViewedTensor* tensor = view.find("model.layers.0.block_sparse_moe.experts." + name);
    EXPECT_NE(tensor, nullptr) << name;
    return tensor == nullptr ? Piece{} : tensor->pieces.at(0);
  };
  // Of expert 1, whose rows begin at element 1 * 6 * 4: the gate's three rows of four, then those of up.
  EXPECT_EQ(piece("1.w1.weight").first, 24u);
  EXPECT_EQ(piece("1.w3.weight").first, 24u + 12u);
  EXPECT_EQ(piece("1.w3.weight").count, 12u);
  EXPECT_EQ(piece("1.w2.weight").first, 12u);
}

Catalogue shaped(const std::vector<std::pair<std::string, Shape>>& tensors) {
  std::vector<TensorInfo> infos;
  for (const auto& [name, shape] : tensors) infos.push_back({name, DType::bf16, shape});
  return stockpot::test::catalogue("m", infos);
}

/// H = 4, I = 3.
Catalogue singles(std::uint64_t experts) {
  std::vector<std::pair<std::string, Shape>> tensors;
  for (std::uint64_t e = 0; e < experts; ++e) {
    tensors.push_back({fmt::format("l.experts.{}.gate_proj.weight", e), {3, 4}});
    tensors.push_back({fmt::format("l.experts.{}.up_proj.weight", e), {3, 4}});
    tensors.push_back({fmt::format("l.experts.{}.down_proj.weight", e), {4, 3}});
  }
  return shaped(tensors);
}

Catalogue stacks(const Shape& gate_up, const Shape& down) {
  return shaped({{"l.experts.gate_up_proj", gate_up}, {"l.experts.down_proj", down}});
}

/// Nothing of the model got another name or was left out, and every tensor is a stored one.
void expect_as_stored(const Catalogue& model, const Catalogue& anchor) {
  const ModelView view = view_of(model, view_of_anchor(anchor));
  EXPECT_THAT(view.tensors, SizeIs(model.tensors.size()));
  for (const auto& stored : model.tensors) {
    const ViewedTensor* tensor = view.find(stored.info.name);
    ASSERT_NE(tensor, nullptr) << stored.info.name;
    EXPECT_EQ(tensor->shape, stored.info.shape);
  }
}

TEST(ModelView, ExpertsOfAnotherNumberAreNotLeftOut) {
  expect_as_stored(stacks({4, 6, 4}, {4, 4, 3}), singles(2));
  expect_as_stored(singles(4), stacks({2, 6, 4}, {2, 4, 3}));
  expect_as_stored(singles(2), stacks({4, 6, 4}, {4, 4, 3}));
}

TEST(ModelView, StacksThatExpertsDoNotFillAreNotMadeOfThem) {
  expect_as_stored(singles(1), stacks({1, 7, 4}, {1, 4, 3}));
  expect_as_stored(shaped({{"l.experts.0.gate_proj.weight", {3, 4}},
                           {"l.experts.0.w1.weight", {3, 4}},
                           {"l.experts.0.up_proj.weight", {3, 4}}}),
                   stacks({1, 6, 4}, {1, 4, 3}));
}

TEST(ModelView, ExpertsOfDifferentTypesAreNotStacked) {
  Catalogue mixed = singles(2);
  mixed.tensors.back().info.dtype = DType::f16;
  expect_as_stored(mixed, stacks({2, 6, 4}, {2, 4, 3}));
}

TEST(ModelView, TransposedStacksAreToldApartEvenWhereOneOfThemFitsBothWays) {
  // H = 8, I = 4: gate_up is [1, 8, 8] either way; down is [E, I, H] instead of [E, H, I].
  const Catalogue turned = stacks({1, 8, 8}, {1, 4, 8}), upright = stacks({1, 8, 8}, {1, 8, 4});
  const Catalogue single = shaped({{"l.experts.0.gate_proj.weight", {4, 8}},
                                   {"l.experts.0.up_proj.weight", {4, 8}},
                                   {"l.experts.0.down_proj.weight", {8, 4}}});
  for (const auto& [model, anchor] :
       {std::pair(single, turned), {turned, single}, {turned, upright}, {upright, turned}}) {
    const ModelView view = view_of(model, view_of_anchor(anchor));
    ASSERT_THAT(view.tensors, SizeIs(anchor.tensors.size()));
    for (const StoredTensor& tensor : anchor.tensors) EXPECT_EQ(view.find(tensor.info.name)->shape, tensor.info.shape);
    EXPECT_THAT(view.notes, ElementsAre("ARC002: m: the experts of 1 layers are read in the anchor's layout"));
  }
  EXPECT_THAT(view_of(single, view_of_anchor(upright)).tensors, SizeIs(2));
  EXPECT_THAT(view_of(turned, view_of_anchor(turned)).notes, IsEmpty());
}

TEST(ModelView, TransposedStacksSayWhereTheyAreTurned) {
  const Catalogue turned = stacks({2, 4, 6}, {2, 3, 4}), upright = stacks({2, 6, 4}, {2, 4, 3});
  const ModelView stacked = view_of(turned, view_of_anchor(upright));
  const ViewedTensor& gate_up = *stacked.find("l.experts.gate_up_proj");
  EXPECT_FALSE(gate_up.turned);
  EXPECT_THAT(gate_up.pieces, ElementsAre(Piece{1, 0, 48, true}));
  const ModelView apart = view_of(turned, view_of_anchor(singles(2)));
  EXPECT_THAT(apart.find("l.experts.1.up_proj.weight")->pieces, ElementsAre(Piece{1, 36, 12, true}));
  const ModelView laid = view_of(singles(2), view_of_anchor(turned));
  EXPECT_TRUE(laid.find("l.experts.down_proj")->turned);
  EXPECT_THAT(laid.find("l.experts.down_proj")->pieces, SizeIs(2));
}

TEST(ModelView, GateAndUpByTurnsAreNotTurned) {
  Catalogue turned = stacks({2, 4, 6}, {2, 3, 4});
  turned.tensors.push_back({{"l.experts.gate_up_proj_bias", DType::bf16, {2, 6}}, 0, 0});
  for (const auto& [model, anchor] : {std::pair(turned, singles(2)), {singles(2), turned}}) {
    expect_as_stored(model, anchor);
    EXPECT_THAT(view_of(model, view_of_anchor(anchor)).notes, ElementsAre(::testing::HasSubstr("by turns")));
  }
}

TEST(ModelView, ExpertsUnderTheOtherSpellingAreTheSame) {
  const auto mixtral = experts_one_by_one("block_sparse_moe", {"w1", "w3", "w2"});
  const auto qwen = experts_one_by_one("mlp", {"gate_proj", "up_proj", "down_proj"});
  const ModelView view = view_of(mixtral, view_of_anchor(qwen));
  ASSERT_THAT(view.tensors, SizeIs(qwen.tensors.size()));
  const auto own = [&](const std::string& name) { return view.find("model.layers.0.mlp.experts.1." + name)->own_name; };
  EXPECT_EQ(own("gate_proj.weight"), "model.layers.0.block_sparse_moe.experts.1.w1.weight");
  EXPECT_EQ(own("up_proj.weight"), "model.layers.0.block_sparse_moe.experts.1.w3.weight");
  EXPECT_EQ(own("down_proj.weight"), "model.layers.0.block_sparse_moe.experts.1.w2.weight");
}

}  // namespace
}  // namespace stockpot::plan
