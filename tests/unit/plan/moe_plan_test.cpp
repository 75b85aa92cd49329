#include "plan/moe_plan.hpp"

#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t hidden = 4, inner = 6;

/// Two layers of a model with gated feed-forward blocks.
Catalogue dense(const std::string& name, const std::string& type = "llama", DType dtype = DType::bf16) {
  std::vector<TensorInfo> tensors{{"model.embed_tokens.weight", dtype, {10, hidden}},
                                  {"model.norm.weight", dtype, {hidden}},
                                  {"lm_head.weight", dtype, {10, hidden}}};
  for (const char* layer : {"model.layers.0.", "model.layers.1."}) {
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"}) {
      tensors.push_back({layer + std::string(norm) + ".weight", dtype, {hidden}});
    }
    for (const char* projection : {"q", "k", "v", "o"}) {
      tensors.push_back({layer + std::string("self_attn.") + projection + "_proj.weight", dtype, {hidden, hidden}});
    }
    tensors.push_back({layer + std::string("mlp.gate_proj.weight"), dtype, {inner, hidden}});
    tensors.push_back({layer + std::string("mlp.up_proj.weight"), dtype, {inner, hidden}});
    tensors.push_back({layer + std::string("mlp.down_proj.weight"), dtype, {hidden, inner}});
  }
  Catalogue made = stockpot::test::catalogue(name, tensors);
  made.config.model_type = type;
  made.config.layer_counts = {{"num_hidden_layers", 2}};
  made.config.tied_embeddings = false;
  return made;
}

/// Experts b and c on a; what a test adds begins in line 4.
const std::string two = "base_model: a\nexperts: [{source_model: b}, {source_model: c}]\ngate_mode: random\n";

std::vector<Catalogue> three(const std::string& type = "llama") {
  return {dense("b", type), dense("c", type), dense("a", type)};
}

std::vector<std::string> names_of(const MergePlan& plan, const std::string& part) {
  std::vector<std::string> names;
  for (const auto& tensor : plan.tensors) {
    if (tensor.output.name.find(part) != std::string::npos) names.push_back(tensor.output.name);
  }
  return names;
}

std::string stored_name(const MergePlan& plan, const std::string& tensor) {
  const SourceTensor source = tensor_of(plan, tensor).sources.at(0);
  return plan.models[source.model].model + ": " + plan.info(source).name;
}

const Gather& gather_of(const MergePlan& plan, const std::string& tensor) {
  return plan.gathers.at(tensor_of(plan, tensor).sources.at(0).gather);
}

std::string assigned(const MergePlan& plan, const std::string& key) {
  for (const auto& assignment : plan.config.assignments) {
    if (assignment.key == key) return assignment.json;
  }
  return "not there";
}

TEST(MoePlan, ExpertsAreCopiesUnderMixtralsNames) {
  const MergePlan plan = planned(two, three());
  EXPECT_THAT(names_of(plan, "layers.1.block"), ElementsAre("model.layers.1.block_sparse_moe.experts.0.w1.weight",
                                                            "model.layers.1.block_sparse_moe.experts.0.w2.weight",
                                                            "model.layers.1.block_sparse_moe.experts.0.w3.weight",
                                                            "model.layers.1.block_sparse_moe.experts.1.w1.weight",
                                                            "model.layers.1.block_sparse_moe.experts.1.w2.weight",
                                                            "model.layers.1.block_sparse_moe.experts.1.w3.weight",
                                                            "model.layers.1.block_sparse_moe.gate.weight"));
  const std::string expert = "model.layers.1.block_sparse_moe.experts.1.";
  EXPECT_EQ(stored_name(plan, expert + "w1.weight"), "c: model.layers.1.mlp.gate_proj.weight");
  EXPECT_EQ(stored_name(plan, expert + "w2.weight"), "c: model.layers.1.mlp.down_proj.weight");
  EXPECT_EQ(stored_name(plan, expert + "w3.weight"), "c: model.layers.1.mlp.up_proj.weight");
  EXPECT_EQ(tensor_of(plan, expert + "w1.weight").action, Action::copy);
  EXPECT_EQ(stored_name(plan, "model.layers.0.self_attn.q_proj.weight"), "a: model.layers.0.self_attn.q_proj.weight");
  EXPECT_TRUE(names_of(plan, ".mlp.").empty());
  EXPECT_EQ(plan.tensors.size(), 3U + 2 * (6 + 7));
  EXPECT_EQ(plan.method, "moe");
  EXPECT_EQ(plan.config.architecture, "MixtralForCausalLM");
  EXPECT_EQ(assigned(plan, "model_type"), "\"mixtral\"");
  EXPECT_EQ(assigned(plan, "num_local_experts"), "2");
  EXPECT_EQ(assigned(plan, "sliding_window"), "null");
}

TEST(MoePlan, RoutersAreDrawnFromStreamsOfTheirOwn) {
  const MergePlan plan = planned(two, three(), {.seed = 7});
  const Gather& router = gather_of(plan, "model.layers.1.block_sparse_moe.gate.weight");
  EXPECT_EQ(router.shape, (Shape{2, hidden}));
  ASSERT_EQ(router.draws.size(), 1U);
  EXPECT_EQ(router.draws[0].distribution, Distribution::normal);
  EXPECT_EQ(router.draws[0].scale, 1.0);
  EXPECT_EQ(router.draws[0].stream.seed, 7U);
  EXPECT_EQ(router.draws[0].stream.stream, stream_of(2, "a", "model.layers.1.block_sparse_moe.gate.weight"));
  const MergePlan even = planned(
      "base_model: a\nexperts: [{source_model: b}, {source_model: c}]\n"
      "gate_mode: uniform_random\n",
      three());
  const Gather::Draw& draw = gather_of(even, "model.layers.1.block_sparse_moe.gate.weight").draws.at(0);
  EXPECT_EQ(draw.distribution, Distribution::uniform);
  EXPECT_EQ(draw.scale, 0.5);  // 1 / sqrt(4)
}

TEST(MoePlan, NoiseAndScaleBelongToOneExpert) {
  const MergePlan plan = planned(
      "base_model: a\ngate_mode: random\nexperts: [{source_model: b, noise_scale: 0.25, "
      "residual_scale: 0.5}, {source_model: c, residual_scale: 0.75}]\n",
      three());
  const std::string expert = "model.layers.0.block_sparse_moe.experts.";
  const Gather& gate = gather_of(plan, expert + "0.w1.weight");
  EXPECT_EQ(gate.draws.at(0).scale, 0.25);
  EXPECT_EQ(gate.draws.at(0).stream.stream, stream_of(2, "b", expert + "0.w1.weight"));
  EXPECT_EQ(gate.runs.at(0).draw, 0U);
  EXPECT_EQ(gate.runs.at(0).factor, 1.0);
  EXPECT_EQ(gather_of(plan, expert + "0.w2.weight").runs.at(0).factor, 0.5);
  EXPECT_EQ(gather_of(plan, expert + "1.w2.weight").runs.at(0).factor, 0.75);
  EXPECT_TRUE(gather_of(plan, expert + "1.w2.weight").draws.empty());
  EXPECT_EQ(tensor_of(plan, expert + "1.w1.weight").action, Action::copy);
}

TEST(MoePlan, FusedExpertsAreLaidEndToEnd) {
  const MergePlan plan = planned(two + "layout: fused\n", three());
  EXPECT_THAT(names_of(plan, "layers.0.mlp"),
              ElementsAre("model.layers.0.mlp.experts.down_proj", "model.layers.0.mlp.experts.gate_up_proj",
                          "model.layers.0.mlp.gate.weight"));
  const Gather& both = gather_of(plan, "model.layers.0.mlp.experts.gate_up_proj");
  EXPECT_EQ(both.shape, (Shape{2, 2 * inner, hidden}));
  std::vector<std::string> parts;
  for (const auto& part : both.parts) {
    parts.push_back(plan.models[part.model].model + " " + plan.models[part.model].tensors[part.tensor].info.name);
  }
  EXPECT_THAT(parts, ElementsAre("b model.layers.0.mlp.gate_proj.weight", "b model.layers.0.mlp.up_proj.weight",
                                 "c model.layers.0.mlp.gate_proj.weight", "c model.layers.0.mlp.up_proj.weight"));
  EXPECT_EQ(both.runs.at(3).first, 3 * inner * hidden);
  EXPECT_EQ(tensor_of(plan, "model.layers.0.mlp.experts.down_proj").output.shape, (Shape{2, hidden, inner}));
}

TEST(MoePlan, QwenHasASharedExpertAGateAndBiases) {
  std::vector<Catalogue> models = three("qwen2");
  const std::string shared = "shared_experts: [{source_model: b, residual_scale: 0.1}]\n";
  const MergePlan plan = planned(two + shared, models);
  EXPECT_EQ(plan.config.architecture, "Qwen2MoeForCausalLM");
  EXPECT_EQ(stored_name(plan, "model.layers.0.mlp.experts.1.up_proj.weight"), "c: model.layers.0.mlp.up_proj.weight");
  EXPECT_EQ(gather_of(plan, "model.layers.0.mlp.shared_expert.down_proj.weight").runs.at(0).factor, 0.1);
  EXPECT_EQ(gather_of(plan, "model.layers.0.mlp.shared_expert_gate.weight").shape, (Shape{1, hidden}));
  const Gather& bias = gather_of(plan, "model.layers.0.self_attn.k_proj.bias");
  EXPECT_EQ(bias.shape, (Shape{hidden}));
  EXPECT_EQ(bias.runs.at(0).kind, Gather::Kind::zero);
  EXPECT_TRUE(bias.draws.empty());
  EXPECT_EQ(assigned(plan, "shared_expert_intermediate_size"), "6");
  EXPECT_EQ(assigned(plan, "num_experts"), "2");
}

TEST(MoePlan, TheFirstArchitectureThatTakesTheModelsIsChosen) {
  const auto chosen = [](const std::string& type, const std::string& more) {
    return planned(two + more, three(type)).config.architecture.value_or("");
  };
  EXPECT_EQ(chosen("mistral", ""), "MixtralForCausalLM");
  EXPECT_EQ(chosen("llama", "shared_experts: [{source_model: b}]\n"), "DeepseekForCausalLM");
  EXPECT_EQ(chosen("llama", "shared_experts: [{source_model: b, positive_prompts: [x]}]\n"), "Qwen2MoeForCausalLM");
  EXPECT_EQ(chosen("llama", "shared_experts: [{source_model: b}]\nlayout: fused\n"), "Qwen2MoeForCausalLM");
  EXPECT_EQ(chosen("qwen3", ""), "Qwen3MoeForCausalLM");
  EXPECT_THAT(report(two, three("gemma")), HasSubstr("r.yaml:2:1: error[MOE008]"));
  EXPECT_THAT(report(two, three("qwen2")), HasSubstr("r.yaml:2:1: error[MOE008]"));
}

TEST(MoePlan, WhatTheNamedArchitectureDoesNotTakeIsRefused) {
  EXPECT_THAT(report(two + "architecture: qwen3_moe\n", three()), HasSubstr("r.yaml:4:15: error[MOE008]"));
  EXPECT_THAT(report(two + "architecture: qwen2_moe\n", three("qwen2")), HasSubstr("r.yaml:4:15: error[MOE009]"));
  EXPECT_THAT(report(two + "architecture: mixtral\nshared_experts: [{source_model: b}]\n", three()),
              HasSubstr("r.yaml:5:1: error[MOE009]"));
  EXPECT_THAT(report(two + "architecture: deepseek\nlayout: fused\n", three()), HasSubstr("r.yaml:5:9: error[MOE009]"));
}

TEST(MoePlan, ModelsThatDoNotFitAreReportedWhereTheyAreNamed) {
  auto models = three();
  models[1] = dense("c", "mistral");
  EXPECT_THAT(report(two, models), HasSubstr("r.yaml:2:45: error[MOE008]: 'c' is of type 'mistral'"));
  models = three();
  std::erase_if(models[0].tensors,
                [](const StoredTensor& t) { return t.info.name == "model.layers.1.mlp.up_proj.weight"; });
  EXPECT_THAT(report(two, models), HasSubstr("error[MOE008]: 'b' has no model.layers.1.mlp.up_proj.weight"));
  models = three();
  for (StoredTensor& tensor : models[1].tensors) {
    if (tensor.info.name == "model.layers.0.mlp.down_proj.weight") tensor.info.shape = {hidden, inner + 1};
  }
  EXPECT_THAT(report(two, models), HasSubstr("has model.layers.0.mlp.down_proj.weight of [4, 7], not [4, 6]"));
  models = three();
  for (StoredTensor& tensor : models[2].tensors) {
    if (tensor.info.name == "model.layers.0.self_attn.q_proj.weight") tensor.info.name = "model.layers.0.self_attn.q.x";
  }
  std::ranges::sort(models[2].tensors, {}, [](const StoredTensor& t) { return t.info.name; });
  EXPECT_THAT(report(two, models), HasSubstr("Mixtral has no place for the base model's model.layers.0.self_attn.q.x"));
}

TEST(MoePlan, ABaseWithoutAllItsLayersIsRefused) {
  auto models = three();
  models[2].config.layer_counts = {{"num_hidden_layers", 3}};
  EXPECT_THAT(report(two, models), HasSubstr("r.yaml:1:13: error[MOE008]: the base model has 2 of 3 layers"));
}

TEST(MoePlan, OneModelForAllExpertsHasToBeMeant) {
  const std::string same =
      "base_model: a\nexperts: [{source_model: a}, {source_model: a}]\ngate_mode: uniform_random\n";
  EXPECT_THAT(report(same, {dense("a")}), HasSubstr("r.yaml:2:1: error[MOE005]"));
  EXPECT_EQ(planned(same, {dense("a")}, {.allow_same = true}).tensors.size(), 3U + 2 * (6 + 7));
  const std::string random = "base_model: a\nexperts: [{source_model: a}, {source_model: a}]\ngate_mode: random\n";
  EXPECT_EQ(planned(random, {dense("a")}).tensors.size(), 3U + 2 * (6 + 7));
}

TEST(MoePlan, WithoutADtypeExpertsAreWrittenAsTheBaseIsStored) {
  std::vector<Catalogue> models{dense("b", "llama", DType::f32), dense("c"), dense("a")};
  const MergePlan plan = planned(two, models);
  const std::string expert = "model.layers.0.block_sparse_moe.experts.0.w1.weight";
  EXPECT_EQ(tensor_of(plan, expert).output.dtype, DType::bf16);
  EXPECT_EQ(tensor_of(plan, expert).action, Action::merge);
  EXPECT_EQ(tensor_of(planned(two + "dtype: float32\n", models), expert).action, Action::copy);
}

TEST(MoePlan, AHeadThatIsTheEmbeddingOnceMoreIsLeftOut) {
  auto models = three();
  models[2].config.tied_embeddings = true;
  models[2].tied_copies = {"lm_head.weight"};
  EXPECT_TRUE(names_of(planned(two, models), "lm_head").empty());
  EXPECT_FALSE(planned(two, models).config.untie_head);
  models[2].tied_copies.clear();
  EXPECT_TRUE(planned(two, models).config.untie_head);
  models[2].config.tied_embeddings.reset();
  EXPECT_FALSE(planned(two, models).config.untie_head);
  std::erase_if(models[2].tensors, [](const StoredTensor& t) { return t.info.name == "lm_head.weight"; });
  Adapter saved;
  saved.tensors = {{{"lm_head.weight", DType::bf16, {10, hidden}}, 0, 1000}};
  models[2].adapters = {saved};
  EXPECT_TRUE(planned(two, models).config.untie_head);
}

TEST(MoePlan, AnOutputWithoutAHeadSaysSoWhereTheBaseLeavesItToItsClass) {
  const auto tied = [](const std::vector<Catalogue>& models, const std::string& more = "") {
    for (const auto& assignment : planned(two + more, models).config.assignments) {
      if (assignment.key == "tie_word_embeddings") return assignment.json;
    }
    return std::string();
  };
  auto models = three();
  models[2].config.tied_embeddings.reset();
  EXPECT_EQ(tied(models), "false");
  models[2].tied_copies = {"lm_head.weight"};
  EXPECT_EQ(tied(models), "true");
  EXPECT_EQ(tied(models, "stockpot: {keep_tied_heads: true}\n"), "false");
}

TEST(MoePlan, TensorsCanBeExplained) {
  const MergePlan plan = planned(two, three(), {.explain = "model.layers.0.block_sparse_moe.gate.weight"});
  EXPECT_THAT(plan.explanation, ::testing::Contains(HasSubstr("random values")));
}

}  // namespace
}  // namespace stockpot::plan
