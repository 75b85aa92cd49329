#include "plan/adapters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "plan/module_patterns.hpp"
#include "support/catalogues.hpp"
#include "support/error_of.hpp"

namespace stockpot::plan {
namespace {

using test::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = AdapterPart::Kind;

const std::string root = "base_model.model.";
const std::string q = "model.layers.0.self_attn.q_proj";
const std::string embedding = "model.embed_tokens";

Catalogue model() {
  return test::catalogue("org/base+lora", {{"model.embed_tokens.weight", DType::bf16, {32, 8}},
                                           {"lm_head.weight", DType::bf16, {32, 8}},
                                           {q + ".weight", DType::bf16, {12, 8}},
                                           {q + ".bias", DType::bf16, {12}},
                                           {"model.layers.1.self_attn.q_proj.weight", DType::bf16, {12, 8}},
                                           {"model.layers.1.self_attn.o_proj.weight", DType::bf16, {8, 8}},
                                           {"model.conv.weight", DType::f32, {6, 4, 1, 1}},
                                           {"model.wide_conv.weight", DType::f32, {6, 4, 3, 3}},
                                           {"model.codes.weight", DType::u8, {12, 8}}});
}

Catalogue tied_model() {
  Catalogue made = test::catalogue(
      "org/base", {{"model.embed_tokens.weight", DType::bf16, {32, 8}}, {q + ".weight", DType::bf16, {12, 8}}});
  made.config.tied_embeddings = true;
  return made;
}

/// Adds an adapter of rank 2 whose tensors are F32. Names are given without the usual prefix.
Adapter& add(Catalogue& model, std::vector<std::pair<std::string, Shape>> tensors) {
  Adapter adapter;
  adapter.reference = "lora";
  adapter.rank = 2;
  adapter.alpha = 6;
  for (auto& [name, shape] : tensors) adapter.tensors.push_back({{root + name, DType::f32, shape}, 1, 1000});
  std::sort(adapter.tensors.begin(), adapter.tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return a.info.name < b.info.name; });
  model.adapters.push_back(std::move(adapter));
  return model.adapters.back();
}

std::vector<std::pair<std::string, Shape>> pair_of(const std::string& path, std::uint64_t out, std::uint64_t in,
                                                   std::uint64_t rank = 2) {
  return {{path + ".lora_A.weight", {rank, in}}, {path + ".lora_B.weight", {out, rank}}};
}

struct Adapted {
  explicit Adapted(Catalogue from) : model(std::move(from)), parts(adapt(model, warnings)) {}
  const std::vector<AdapterPart>& of(std::string_view name) const {
    return parts.at(static_cast<std::uint32_t>(model.find(name) - model.tensors.data()));
  }
  const std::string& name(const AdapterPart& part, std::uint32_t tensor) const {
    return model.adapters[part.adapter].tensors[tensor].info.name;
  }
  Catalogue model;
  std::vector<std::string> warnings;
  AdaptedTensors parts;
};

std::string code_of(Catalogue model) {
  std::vector<std::string> warnings;
  const Error error = error_of([&] { adapt(model, warnings); });
  EXPECT_EQ(error.kind(), ErrorKind::corrupt_input);
  EXPECT_THAT(error.context(), testing::Contains(testing::Pair("adapter", "lora")));
  return error.class_code();
}

std::string code_of(std::vector<std::pair<std::string, Shape>> tensors) {
  Catalogue made = model();
  add(made, std::move(tensors));
  return code_of(std::move(made));
}

TEST(Adapters, APairChangesTheWeightOfItsModule) {
  Catalogue made = model();
  add(made, pair_of(q, 12, 8));
  const Adapted adapted(std::move(made));
  ASSERT_EQ(adapted.parts.size(), 1u);
  const auto& parts = adapted.of(q + ".weight");
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].kind, Kind::low_rank);
  EXPECT_EQ(adapted.name(parts[0], parts[0].a), root + q + ".lora_A.weight");
  EXPECT_EQ(adapted.name(parts[0], parts[0].b), root + q + ".lora_B.weight");
  EXPECT_EQ(parts[0].scale, 3.0);  // 6 / 2
  EXPECT_FALSE(parts[0].magnitude);
  EXPECT_THAT(adapted.warnings, IsEmpty());
}

TEST(Adapters, TheScaleKnowsWeightRankStabilisationAndPatterns) {
  Catalogue made = model();
  Adapter& adapter = add(made, pair_of(q, 12, 8, 4));
  adapter.weight = 0.5;
  adapter.rank_stabilised = true;
  adapter.rank_pattern = {{"o_proj", 7}, {"q_proj", 4}, {".*", 9}};
  adapter.alpha_pattern = {{"layers\\.[1-9].*", 1}, {"layers\\.0\\..*", 16}};
  EXPECT_EQ(Adapted(std::move(made)).of(q + ".weight")[0].scale, 0.5 * 16 / std::sqrt(4.0));
}

TEST(Adapters, SeveralAddInTheOrderGiven) {
  Catalogue made = model();
  add(made, pair_of(q, 12, 8)).weight = 2;
  add(made, pair_of(q, 12, 8)).weight = -1;
  const Adapted adapted(std::move(made));
  const auto& parts = adapted.of(q + ".weight");
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].adapter, 0u);
  EXPECT_EQ(parts[0].scale, 6.0);
  EXPECT_EQ(parts[1].adapter, 1u);
  EXPECT_EQ(parts[1].scale, -3.0);
}

TEST(Adapters, TheAdaptersNameInsideIsTolerated) {
  Catalogue made = model();
  add(made, {{q + ".lora_A.default.weight", {2, 8}},
             {q + ".lora_B.default.weight", {12, 2}},
             {q + ".lora_magnitude_vector.default.weight", {12}}})
      .magnitudes = true;
  const Adapted adapted(std::move(made));
  EXPECT_TRUE(adapted.of(q + ".weight")[0].magnitude);
}

TEST(Adapters, ADoraPartKeepsTheWeightOfTheAdapterApart) {
  Catalogue made = model();
  auto tensors = pair_of(q, 12, 8);
  tensors.push_back({q + ".lora_magnitude_vector", {12}});
  Adapter& adapter = add(made, tensors);
  adapter.magnitudes = true;
  adapter.weight = 0.25;
  const Adapted adapted(std::move(made));
  const AdapterPart& part = adapted.of(q + ".weight")[0];
  EXPECT_EQ(part.scale, 3.0);
  EXPECT_EQ(adapted.name(part, *part.magnitude), root + q + ".lora_magnitude_vector");
}

TEST(Adapters, MatricesStoredTheOtherWayRoundAreKnownByTheirShape) {
  for (const bool config : {false, true}) {
    Catalogue made = model();
    add(made, pair_of(q, 8, 12)).transposed = config;
    EXPECT_EQ(Adapted(std::move(made)).of(q + ".weight")[0].kind, Kind::low_rank_transposed);
    Catalogue straight = model();
    add(straight, pair_of(q, 12, 8)).transposed = config;
    EXPECT_EQ(Adapted(std::move(straight)).of(q + ".weight")[0].kind, Kind::low_rank);
  }
}

TEST(Adapters, SquareMatricesAreTakenLikeTheOthersElseAsTheConfigSays) {
  const std::string o = "model.layers.1.self_attn.o_proj";
  const auto kind_of_square = [&](bool config, const std::vector<std::pair<std::string, Shape>>& others, bool doubted) {
    Catalogue made = model();
    auto tensors = pair_of(o, 8, 8);
    tensors.insert(tensors.end(), others.begin(), others.end());
    add(made, tensors).transposed = config;
    const Adapted adapted(std::move(made));
    EXPECT_EQ(adapted.warnings.size(), doubted ? 1u : 0u);
    return adapted.of(o + ".weight")[0].kind;
  };
  EXPECT_EQ(kind_of_square(true, {}, false), Kind::low_rank_transposed);
  EXPECT_EQ(kind_of_square(false, {}, false), Kind::low_rank);

  const auto straight = pair_of(q, 12, 8), turned = pair_of("model.layers.1.self_attn.q_proj", 8, 12);
  const auto head = pair_of("lm_head", 32, 8);
  EXPECT_EQ(kind_of_square(true, straight, true), Kind::low_rank);
  EXPECT_EQ(kind_of_square(false, turned, true), Kind::low_rank_transposed);
  EXPECT_EQ(kind_of_square(true, head, false), Kind::low_rank_transposed);

  auto both = straight;
  both.insert(both.end(), turned.begin(), turned.end());
  EXPECT_EQ(kind_of_square(true, both, true), Kind::low_rank_transposed);
  EXPECT_EQ(kind_of_square(false, both, true), Kind::low_rank);
}

TEST(Adapters, EmbeddingsAreVocabularyByDimension) {
  Catalogue made = model();
  add(made, {{embedding + ".lora_embedding_A", {2, 32}}, {embedding + ".lora_embedding_B", {8, 2}}});
  const Adapted adapted(std::move(made));
  EXPECT_EQ(adapted.of(embedding + ".weight")[0].kind, Kind::low_rank_transposed);
  EXPECT_THAT(adapted.warnings, IsEmpty());
}

TEST(Adapters, ConvolutionsOfOnePointAreMatrices) {
  Catalogue made = model();
  add(made, {{"model.conv.lora_A.weight", {2, 4, 1, 1}}, {"model.conv.lora_B.weight", {6, 2, 1, 1}}});
  EXPECT_EQ(Adapted(std::move(made)).of("model.conv.weight")[0].kind, Kind::low_rank);
  EXPECT_EQ(code_of({{"model.wide_conv.lora_A.weight", {2, 4, 3, 3}}, {"model.wide_conv.lora_B.weight", {6, 2, 1, 1}}}),
            "REF021");
}

TEST(Adapters, BiasesOfBAreScaledLikeTheirPair) {
  Catalogue made = model();
  auto tensors = pair_of(q, 12, 8);
  tensors.push_back({q + ".lora_B.bias", {12}});
  add(made, tensors).weight = 2;
  const Adapted adapted(std::move(made));
  EXPECT_EQ(adapted.of(q + ".bias")[0].kind, Kind::bias);
  EXPECT_EQ(adapted.of(q + ".bias")[0].scale, 6.0);

  auto without_base = pair_of("model.layers.1.self_attn.q_proj", 12, 8);
  without_base.push_back({"model.layers.1.self_attn.q_proj.lora_B.bias", {12}});
  EXPECT_EQ(code_of(without_base), "REF022");
}

TEST(Adapters, SavedTensorsOfWeightOneTakeThePlaceOfTheModels) {
  for (const std::string name : {"lm_head.weight", "lm_head.modules_to_save.weight",
                                 "lm_head.modules_to_save.default.weight", "lm_head.base_layer.weight"}) {
    Catalogue made = model();
    add(made, {{name, {32, 8}}});
    const Adapted adapted(std::move(made));
    EXPECT_THAT(adapted.parts, IsEmpty());
    const StoredTensor* head = adapted.model.find("lm_head.weight");
    ASSERT_NE(head, nullptr);
    EXPECT_EQ(head->info.dtype, DType::f32);
    EXPECT_EQ(head->file, 1u);
    EXPECT_EQ(head->offset, 1000u);
  }
}

TEST(Adapters, AVocabularyThatGrewIsSavedThreeTimes) {  // by peft, beside the original that it replaced
  Catalogue made = model();
  add(made, {{"lm_head.modules_to_save.weight", {40, 8}},
             {"lm_head.original_module.weight", {40, 8}},
             {"lm_head.weight", {40, 8}}});
  const Adapted adapted(std::move(made));
  EXPECT_EQ(adapted.model.find("lm_head.weight")->info.shape, (Shape{40, 8}));
  EXPECT_EQ(adapted.model.find("lm_head.weight")->offset, 1000u);  // the first, not the original
  EXPECT_EQ(code_of({{"lm_head.original_module.weight", {32, 8}}}), "REF024");
}

TEST(Adapters, SavedTensorsOfAnotherWeightAreParts) {
  Catalogue made = model();
  add(made, {{q + ".base_layer.bias", {12}}}).weight = 0.75;
  const Adapted adapted(std::move(made));
  EXPECT_EQ(adapted.of(q + ".bias")[0].kind, Kind::replacement);
  EXPECT_EQ(adapted.of(q + ".bias")[0].scale, 0.75);
  EXPECT_EQ(adapted.model.find(q + ".bias")->info.dtype, DType::bf16);
}

TEST(Adapters, AReplacementUndoesWhatCameBeforeAndABaseBelowAPairDoesNot) {
  Catalogue made = model();
  add(made, pair_of(q, 12, 8));
  add(made, {{q + ".weight", {12, 8}}});
  EXPECT_THAT(Adapted(std::move(made)).parts, IsEmpty());

  Catalogue stacked = model();
  auto with_base = pair_of(q, 12, 8);
  with_base.push_back({q + ".base_layer.weight", {12, 8}});
  add(stacked, pair_of(q, 12, 8));
  add(stacked, with_base);
  add(stacked, with_base).weight = 0.5;
  const Adapted adapted(std::move(stacked));
  const auto& parts = adapted.of(q + ".weight");
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(parts[0].kind, Kind::replacement);
  EXPECT_EQ(parts[0].adapter, 2u);
  EXPECT_EQ(parts[1].adapter, 0u);
  EXPECT_EQ(parts[2].adapter, 1u);
  EXPECT_EQ(parts[3].adapter, 2u);
  EXPECT_EQ(adapted.model.find(q + ".weight")->offset, 1000u);
}

TEST(Adapters, OnlyVocabulariesMayGrow) {
  Catalogue made = model();
  add(made, {{"lm_head.weight", {40, 8}}});
  const Adapted adapted(made);
  EXPECT_EQ(adapted.model.find("lm_head.weight")->info.shape, (Shape{40, 8}));
  EXPECT_THAT(adapted.warnings, ElementsAre(HasSubstr("40 rows")));
  made.adapters[0].weight = 0.5;
  EXPECT_EQ(code_of(made), "REF023");
  EXPECT_EQ(code_of({{q + ".weight", {13, 8}}}), "REF023");
  EXPECT_EQ(code_of({{"lm_head.weight", {40, 9}}}), "REF023");

  Catalogue changed = model();  // the first pair would run past the larger table
  add(changed, {{embedding + ".lora_embedding_A", {2, 32}}, {embedding + ".lora_embedding_B", {8, 2}}});
  add(changed, {{embedding + ".base_layer.weight", {40, 8}},
                {embedding + ".lora_embedding_A", {2, 40}},
                {embedding + ".lora_embedding_B", {8, 2}}});
  EXPECT_EQ(code_of(std::move(changed)), "REF023");
}

TEST(Adapters, ATiedHeadThatIsChangedBecomesATensor) {
  Catalogue made = tied_model();
  auto tensors = pair_of("lm_head", 32, 8);
  tensors.push_back({embedding + ".lora_embedding_A", {2, 32}});
  tensors.push_back({embedding + ".lora_embedding_B", {8, 2}});
  add(made, tensors);
  const Adapted adapted(std::move(made));
  const StoredTensor *head = adapted.model.find("lm_head.weight"), *embed = adapted.model.find(embedding + ".weight");
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->offset, embed->offset);
  EXPECT_EQ(head->file, embed->file);
  EXPECT_EQ(head->info.shape, (Shape{32, 8}));
  EXPECT_EQ(adapted.model.config.tied_embeddings, false);
  EXPECT_EQ(adapted.of("lm_head.weight").size(), 1u);
  EXPECT_EQ(adapted.of("lm_head.weight")[0].kind, Kind::low_rank);
  EXPECT_EQ(adapted.of(embedding + ".weight").size(), 1u);
  EXPECT_THAT(adapted.warnings, ElementsAre(HasSubstr("untied")));
}

TEST(Adapters, ATiedHeadThatIsChangedStandsWhereTheModelWouldStoreIt) {
  const auto heads_name = [](const std::string& models_root, const char* adapters_root, const char* of_class) {
    Catalogue made = test::catalogue("org/base", {{models_root + "embed_tokens.weight", DType::bf16, {32, 8}},
                                                  {models_root + "layers.0.up_proj.weight", DType::bf16, {12, 8}}});
    made.config.architectures = {of_class};
    auto pairs = pair_of("lm_head", 32, 8);
    if (adapters_root != nullptr) {
      for (auto& tensor : pair_of(std::string(adapters_root) + "layers.0.up_proj", 12, 8)) pairs.push_back(tensor);
    }
    add(made, pairs);
    return Adapted(std::move(made)).model.tensors.front().info.name;
  };
  const char* const of_class = "LlavaForConditionalGeneration";
  EXPECT_EQ(heads_name("language_model.model.", "model.", of_class), "language_model.lm_head.weight");
  EXPECT_EQ(heads_name("language_model.model.", "model.", "Unknown"), "language_model.lm_head.weight");
  EXPECT_EQ(heads_name("language_model.model.", "model.language_model.", of_class), "language_model.lm_head.weight");
  EXPECT_EQ(heads_name("language_model.model.", nullptr, of_class), "language_model.lm_head.weight")
      << "the head alone";
  EXPECT_EQ(heads_name("model.language_model.", "model.", of_class), "lm_head.weight");
}

TEST(Adapters, WhatAnEarlierAdapterDidToATiedEmbeddingStaysInTheHead) {
  Catalogue made = tied_model();
  add(made, {{embedding + ".lora_embedding_A", {2, 32}}, {embedding + ".lora_embedding_B", {8, 2}}});
  add(made, pair_of("lm_head", 32, 8));
  const Adapted adapted(std::move(made));
  ASSERT_EQ(adapted.of("lm_head.weight").size(), 2u);
  EXPECT_EQ(adapted.of("lm_head.weight")[0].kind, Kind::low_rank_transposed);
  EXPECT_EQ(adapted.of(embedding + ".weight").size(), 1u);
  EXPECT_THAT(adapted.warnings, ElementsAre(HasSubstr("changes both"), HasSubstr("untied")));
}

TEST(Adapters, ATiedEmbeddingThatIsReplacedIsTheHeadToo) {
  Catalogue made = tied_model();
  add(made, {{embedding + ".weight", {32, 8}}});
  const Adapted adapted(std::move(made));
  EXPECT_THAT(adapted.warnings, ElementsAre(HasSubstr("changes both")));
  EXPECT_EQ(adapted.model.find("lm_head.weight"), nullptr);
}

TEST(Adapters, AModelThatDoesNotTieHasToStoreItsHead) {
  Catalogue made = tied_model();
  made.config.tied_embeddings = false;
  add(made, pair_of("lm_head", 32, 8));
  EXPECT_EQ(code_of(std::move(made)), "REF022");
}

TEST(Adapters, AnotherRootIsFoundIfAllTensorsFitIt) {
  const std::pair<const char*, const char*> roots[] = {
      {"model.layers.", "layers."},
      {"model.layers.", "model.language_model.layers."},
      {"model.layers.", "language_model.model.layers."},
      {"transformer.h.", "h."},
      {"model.language_model.layers.", "language_model.model.layers."}};
  for (const auto& [adapters, models] : roots) {
    const std::string stored = models;
    Catalogue made = test::catalogue("base", {{stored + "0.q.weight", DType::bf16, {12, 8}},
                                              {stored + "1.q.weight", DType::bf16, {12, 8}},
                                              {"lm_head.weight", DType::bf16, {32, 8}}});
    auto tensors = pair_of(adapters + std::string("0.q"), 12, 8);
    for (auto& t : pair_of(adapters + std::string("1.q"), 12, 8)) tensors.push_back(t);
    for (auto& t : pair_of("lm_head", 32, 8)) tensors.push_back(t);
    add(made, tensors);
    const Adapted adapted(std::move(made));
    EXPECT_EQ(adapted.parts.size(), 3u) << stored;
    EXPECT_EQ(adapted.of(stored + "1.q.weight").size(), 1u);
  }
}

TEST(Adapters, AHeadBesideTheRootIsFoundWithTheLayersAndAlone) {
  const std::pair<std::string, std::string> names[] = {{"model.language_model.", "lm_head"},
                                                       {"language_model.model.", "language_model.lm_head"}};
  for (const auto& [adapters_root, adapters_head] : names) {
    for (const auto& [models_root, models_head] : names) {
      const Catalogue base = test::catalogue("base", {{models_root + "embed_tokens.weight", DType::bf16, {32, 8}},
                                                      {models_root + "layers.0.q.weight", DType::bf16, {12, 8}},
                                                      {models_head + ".weight", DType::bf16, {32, 8}}});
      Catalogue both = base, head_alone = base;
      auto pairs = pair_of(adapters_head, 32, 8);
      add(head_alone, pairs);
      for (auto& t : pair_of(adapters_root + "layers.0.q", 12, 8)) pairs.push_back(t);
      add(both, pairs);
      EXPECT_EQ(Adapted(std::move(head_alone)).of(models_head + ".weight").size(), 1u) << adapters_head << models_head;
      const Adapted adapted(std::move(both));
      EXPECT_EQ(adapted.parts.size(), 2u);
      EXPECT_EQ(adapted.of(models_head + ".weight").size(), 1u);
    }
  }
}

TEST(Adapters, AHeadOfAnotherPartIsNotTheModels) {
  Catalogue made = test::catalogue("base", {{"model.embed_tokens.weight", DType::bf16, {32, 8}},
                                            {"model.layers.0.q.weight", DType::bf16, {12, 8}},
                                            {"mtp.lm_head.weight", DType::bf16, {32, 8}}});
  Catalogue head_alone = made;
  auto pairs = pair_of("lm_head", 32, 8);
  add(head_alone, pairs);
  EXPECT_EQ(code_of(std::move(head_alone)), "REF022");
  for (auto& t : pair_of("model.layers.0.q", 12, 8)) pairs.push_back(t);
  add(made, pairs);
  EXPECT_EQ(code_of(std::move(made)), "REF022");
}

TEST(Adapters, TwoRootsThatFitAreNone) {
  Catalogue made = test::catalogue(
      "base", {{"a.layers.0.q.weight", DType::bf16, {12, 8}}, {"b.layers.0.q.weight", DType::bf16, {12, 8}}});
  add(made, pair_of("layers.0.q", 12, 8));
  EXPECT_EQ(code_of(std::move(made)), "REF022");
}

TEST(Adapters, PartnersAndTargetsMustBeThere) {
  EXPECT_EQ(code_of({{q + ".lora_A.weight", {2, 8}}}), "REF022");
  EXPECT_EQ(code_of({{q + ".lora_B.weight", {12, 2}}}), "REF022");
  EXPECT_EQ(code_of({{embedding + ".lora_embedding_B", {8, 2}}}), "REF022");
  EXPECT_EQ(code_of(pair_of("model.layers.2.self_attn.q_proj", 12, 8)), "REF022");
  EXPECT_EQ(code_of({{"score.weight", {2, 8}}}), "REF022");
  EXPECT_EQ(code_of(std::vector<std::pair<std::string, Shape>>{}), "REF022");
  Catalogue without_magnitude = model();
  add(without_magnitude, pair_of(q, 12, 8)).magnitudes = true;
  EXPECT_EQ(code_of(std::move(without_magnitude)), "REF022");
}

TEST(Adapters, ShapesAndRanksMustFit) {
  EXPECT_EQ(code_of(pair_of(q, 12, 9)), "REF023");
  EXPECT_EQ(code_of(pair_of(q, 8, 8)), "REF023");
  EXPECT_EQ(code_of(pair_of(q, 12, 8, 3)), "REF023");  // the config says 2
  EXPECT_EQ(code_of({{q + ".lora_A.weight", {2, 8}}, {q + ".lora_B.weight", {12, 3}}}), "REF023");
  EXPECT_EQ(code_of({{q + ".lora_A.weight", {16}}, {q + ".lora_B.weight", {12, 2}}}), "REF023");
  EXPECT_EQ(code_of({{embedding + ".lora_embedding_A", {2, 31}}, {embedding + ".lora_embedding_B", {8, 2}}}), "REF023");
  Catalogue magnitude = model();
  auto tensors = pair_of(q, 12, 8);
  tensors.push_back({q + ".lora_magnitude_vector.weight", {8}});
  add(magnitude, tensors).magnitudes = true;
  EXPECT_EQ(code_of(std::move(magnitude)), "REF023");
  Catalogue huge = model();
  add(huge, pair_of(q, 12, 8, 1025)).rank = 1025;
  EXPECT_EQ(code_of(std::move(huge)), "REF023");
}

TEST(Adapters, TensorsWithoutUseAreRefused) {
  auto tensors = pair_of(q, 12, 8);
  for (const std::string& name :
       {q + ".lora_C.weight", q + ".lora_A.other.weight", q + ".lora_magnitude_vector.weight",  // without use_dora
        q + ".weight",                                                                          // changed and replaced
        q + ".lora_embedding_A", q + ".lora_A.default.weight"}) {
    auto with_more = tensors;
    with_more.push_back({name, {12, 8}});
    EXPECT_EQ(code_of(with_more), "REF024") << name;
  }
  EXPECT_EQ(code_of({{"lm_head.weight", {32, 8}}, {"lm_head.modules_to_save.weight", {32, 8}}}), "REF024");
}

TEST(Adapters, TypesWithoutArithmeticAreRefused) { EXPECT_EQ(code_of(pair_of("model.codes", 12, 8)), "REF021"); }

TEST(Adapters, AnotherBaseIsRemarked) {
  for (const char* base : {"org/base", "base", "/somewhere/base/", ""}) {
    Catalogue made = model();
    add(made, pair_of(q, 12, 8)).base_model = base;
    EXPECT_THAT(Adapted(std::move(made)).warnings, IsEmpty()) << base;
  }
  Catalogue made = model();
  add(made, pair_of(q, 12, 8)).base_model = "org/base-instruct";
  EXPECT_THAT(Adapted(std::move(made)).warnings, ElementsAre(HasSubstr("REF025")));
}

TEST(Adapters, WholeRowsAreReadOnlyForTheirNorms) {
  const StoredTensor tensor{{"w", DType::bf16, {100, 10}}, 0, 0};
  AdapterPart part{.kind = Kind::low_rank};
  EXPECT_EQ(elements_to_read(tensor, {&part, 1}, 15), 15u);
  part.magnitude = 2;
  EXPECT_EQ(elements_to_read(tensor, {&part, 1}, 15), 33u);  // the last of a row, a row, the first four of another ...
  EXPECT_EQ(elements_to_read(tensor, {&part, 1}, 990), 1000u);
  EXPECT_EQ(elements_to_read(tensor, {&part, 1}, 0), 0u);
  part.kind = Kind::low_rank_transposed;
  EXPECT_EQ(elements_to_read(tensor, {&part, 1}, 15), 15u);
}

TEST(ModulePatterns, TheFirstThatMatchesAWholeEndingCounts) {
  const ModulePatterns patterns({"q_proj", "0.q_proj", "^model.a", "[xy]\\d+", "model.b", "b"});
  EXPECT_EQ(patterns.first_match("model.0.q_proj"), 0u);
  EXPECT_EQ(patterns.first_match("q_proj"), 0u);
  EXPECT_EQ(patterns.first_match("model.seq_proj"), std::nullopt);
  EXPECT_EQ(patterns.first_match("model.a"), 2u);
  EXPECT_EQ(patterns.first_match("my.model.a"), std::nullopt);
  EXPECT_EQ(patterns.first_match("layer.x12"), 3u);
  EXPECT_EQ(patterns.first_match("layer.x12z"), std::nullopt);
  EXPECT_EQ(patterns.first_match("layer.ax12"), std::nullopt);
  EXPECT_EQ(patterns.first_match("model.b"), 4u);
  EXPECT_EQ(patterns.first_match("other.b"), 5u);
}

TEST(ModulePatterns, AnEarlierExpressionGoesBeforeALaterPath) {
  EXPECT_EQ(ModulePatterns({"q_.*", "q_proj"}).first_match("model.q_proj"), 0u);
  EXPECT_EQ(ModulePatterns({"q_proj", "q_.*"}).first_match("model.q_proj"), 0u);
}

TEST(ModulePatterns, ExpressionsThatCouldTakeForeverDoNot) {
  const ModulePatterns patterns({"(a*)*b", "(a|aa)+c", "(.*a)*d"});
  EXPECT_EQ(patterns.first_match(std::string(900, 'a')), std::nullopt);
}

TEST(ModulePatterns, WhatCannotBeBoundedIsRefused) {
  const auto code = [](std::vector<std::string> keys) { return error_of([&] { ModulePatterns{keys}; }).class_code(); };
  EXPECT_EQ(code({"(a"}), "REF021");
  EXPECT_EQ(code({"(a)\\1"}), "REF021");
  EXPECT_EQ(code({"a{1000}"}), "REF021");
  EXPECT_EQ(code({"[" + std::string(1000, 'a') + "]"}), "REF021");
  EXPECT_EQ(code(std::vector<std::string>(257, "a*")), "REF021");
  EXPECT_EQ(error_of([] { ModulePatterns({"a*"}).first_match(std::string(1001, 'a')); }).class_code(), "REF021");
}

}  // namespace
}  // namespace stockpot::plan
