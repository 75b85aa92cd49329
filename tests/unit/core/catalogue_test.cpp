#include "core/catalogue.hpp"

#include <gtest/gtest.h>

namespace stockpot {
namespace {

Catalogue example() {
  Catalogue c;
  c.model = "org/model@v1";
  c.directory = "/models/model";
  c.files = {{"/models/model/a", 100, -5, 7},
             {"/models/model/b", 1u << 31, 1'700'000'000'000'000'000, ~std::uint64_t{0}}};
  c.tensors = {
      {{"a", DType::bf16, {2, 3}}, 0, 88}, {{"b.weight", DType::f64, {}}, 1, 1000}, {{"c", DType::u8, {0, 4}}, 1, 9}};
  c.config.architectures = {"LlamaForCausalLM"};
  c.config.model_type = "llama";
  c.config.layer_counts = {{"num_hidden_layers", 32}, {"vision_config.depth", 4}};
  c.config.hidden_size = 64;
  c.config.prediction_layers = 1;
  c.config.group_size = 32;
  c.packed_shapes["a_shape"] = {5, 7};
  c.warnings = {"one", "two"};
  return c;
}

TEST(Catalogue, TravelsToOtherRanksUnchanged) {
  for (const auto tied : {std::optional<bool>(), std::optional(false), std::optional(true)}) {
    Catalogue sent = example();
    sent.config.tied_embeddings = tied;
    const Catalogue arrived = Catalogue::unpack(sent.pack());
    EXPECT_EQ(arrived.model, sent.model);
    EXPECT_EQ(arrived.directory, sent.directory);
    EXPECT_EQ(arrived.files[0].modified_ns, -5);
    EXPECT_EQ(arrived.files[1].path, "/models/model/b");
    EXPECT_EQ(arrived.files[1].inode, ~std::uint64_t{0});
    ASSERT_EQ(arrived.tensors.size(), 3u);
    EXPECT_EQ(arrived.tensors[0].info.shape, (Shape{2, 3}));
    EXPECT_EQ(arrived.tensors[1].info.dtype, DType::f64);
    EXPECT_EQ(arrived.tensors[1].file, 1u);
    EXPECT_EQ(arrived.tensors[1].offset, 1000u);
    EXPECT_EQ(arrived.config.architectures, sent.config.architectures);
    EXPECT_EQ(arrived.config.layer_counts[1].key, "vision_config.depth");
    EXPECT_EQ(arrived.config.layer_counts[1].layers, 4u);
    EXPECT_EQ(arrived.config.tied_embeddings, tied);
    EXPECT_EQ(arrived.config.hidden_size, 64u);
    EXPECT_EQ(arrived.config.experts, std::nullopt);
    EXPECT_EQ(arrived.config.prediction_layers, 1u);
    EXPECT_EQ(arrived.config.group_size, 32u);
    EXPECT_EQ(arrived.packed_shapes, sent.packed_shapes);
    EXPECT_EQ(arrived.warnings, sent.warnings);
    EXPECT_EQ(arrived.pack(), sent.pack());
  }
}

TEST(Catalogue, FindsTensorsByTheirWholeName) {
  const Catalogue c = example();
  EXPECT_EQ(c.find("b.weight"), &c.tensors[1]);
  EXPECT_EQ(c.find("b"), nullptr);
  EXPECT_EQ(c.find("z"), nullptr);
}

TEST(Catalogue, DataBytesAreThoseOfAllTensors) { EXPECT_EQ(example().data_bytes(), 2u * 6 + 8 + 0); }

}  // namespace
}  // namespace stockpot
