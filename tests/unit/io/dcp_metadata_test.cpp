#include "io/dcp_metadata.hpp"

#include <gmock/gmock.h>

#include "io/dcp_index.hpp"

namespace stockpot::io {
namespace {

using namespace std::string_literals;

std::string text(const std::string& ascii) { return "X"s + static_cast<char>(ascii.size()) + "\0\0\0"s + ascii; }

/// Opcode by opcode, as pickletools shows what torch writes, but for the memo: names are remembered, nothing else.
TEST(DcpMetadata, OfOneTensorIsThisToTheByte) {
  const TensorInfo info{"w", DType::bf16, {2, 300}};
  const DcpItem item{&info, "__0_0.distcp", 64, 0x1'0000'0000};
  const std::string module = "ctorch.distributed.checkpoint.metadata\n";
  const std::string size = "ctorch\nSize\nq\x06", again = "h\x06";
  const std::string expected =
      "\x80\x02"s + module + "Metadata\nq\0)\x81}("s +                                             //
      text("state_dict_metadata") + "}(" + text("w") +                                             //
      module + "TensorStorageMetadata\nq\x01)\x81}(" +                                             //
      text("properties") + module + "TensorProperties\nq\x02)\x81(ctorch\nbfloat16\nq\x03" +       //
      "ctorch.serialization\n_get_layout\nq\x04" + text("torch.strided") + "\x85R\x89" +           //
      module + "_MEM_FORMAT_ENCODING\nq\x05K\0\x85R\x89tb"s +                                      //
      text("size") + size + "(K\x02J\x2C\x01\0\0t\x85R"s +                                         //
      text("chunks") + "](" + module + "ChunkStorageMetadata\nq\x07)\x81}(" +                      //
      text("offsets") + again + "(K\0K\0t\x85R"s +                                                 //
      text("sizes") + again + "(K\x02J\x2C\x01\0\0t\x85Rubeubu"s +                                 //
      text("planner_data") + "}(" + text("w") + text("w") + "\x85u" +                              //
      text("storage_data") + "}(" + module + "MetadataIndex\nq\x08)\x81}(" +                       //
      text("fqn") + text("w") + text("offset") + again + "(K\0K\0t\x85R"s + text("index") + "Nub"  //
      + "ctorch.distributed.checkpoint.filesystem\n_StorageInfo\nq\x09)\x81}(" +                   //
      text("relative_path") + text("__0_0.distcp") + text("offset") + "K\x40" +                    //
      text("length") + "\x8A\x05\0\0\0\0\x01"s + "ubu" +                                           //
      text("storage_meta") + module + "StorageMeta\nq\x0A)\x81}(" +                                //
      text("checkpoint_id") + "N" + text("save_id") + "N" + text("load_id") + "N" +                //
      text("modules") + "]ub" + text("version") + text("1.0.0") + "ub.";
  EXPECT_EQ(write_dcp_metadata({&item, 1}), expected);
}

TEST(DcpMetadata, IsReadAsItWasWritten) {
  const std::vector<TensorInfo> infos{
      {"scalar", DType::f32, {}}, {"codes", DType::f4, {3, 10}}, {"b", DType::f8_e4m3, {7}}, {"a", DType::u16, {2, 0}}};
  std::vector<DcpItem> items;
  for (const TensorInfo& info : infos) items.push_back({&info, "__3_0.distcp", 1000 * items.size(), 999});
  const DcpIndex index =
      read_dcp_index(std::vector{DcpMetadata{write_dcp_metadata(items), "f"}}, DcpNames::of_the_model);
  ASSERT_EQ(index.tensors.size(), 4u);
  EXPECT_EQ(index.tensors[0].info.name, "a");
  EXPECT_TRUE(index.tensors[0].chunks.empty());  // of no elements
  EXPECT_EQ(index.tensors[1].info.dtype, DType::f8_e4m3);
  EXPECT_EQ(index.tensors[2].info.shape, (Shape{3, 10}));
  EXPECT_EQ(index.tensors[2].chunks.at(0).count, (Shape{3, 5}));  // two to a byte
  EXPECT_EQ(index.tensors[3].chunks.at(0).file, "__3_0.distcp");
  EXPECT_EQ(index.tensors[3].chunks.at(0).item, (ByteRange{0, 999}));
}

std::vector<std::string> stripped(const std::vector<std::string>& names) {
  DcpIndex index;
  for (const std::string& name : names) index.tensors.push_back({{name, DType::f32, {}}, {}});
  strip_wrappers(index);
  std::vector<std::string> left;
  for (const DcpTensor& tensor : index.tensors) left.push_back(tensor.info.name);
  return left;
}

TEST(DcpIndex, StateOfATrainerIsLeftOutOfItsCheckpointsOnly) {
  const std::vector<TensorInfo> infos{{"model.w", DType::f32, {1}}, {"model.rng.w", DType::f32, {1}}};
  std::vector<DcpItem> items;
  for (const TensorInfo& info : infos) items.push_back({&info, "__0_0.distcp", 1000 * items.size(), 999});
  const std::vector metadata{DcpMetadata{write_dcp_metadata(items), "f"}};
  EXPECT_THAT(read_dcp_index(metadata, DcpNames::of_a_trainer).left_out, testing::ElementsAre("model.rng.w"));
  EXPECT_EQ(read_dcp_index(metadata, DcpNames::of_the_model).tensors.size(), 2u);
}

TEST(DcpIndex, NamesLoseWhatTrainingScriptsPutBeforeThem) {
  using testing::ElementsAre;
  EXPECT_THAT(stripped({"model.lm_head.weight", "model.model.norm.weight"}),
              ElementsAre("lm_head.weight", "model.norm.weight"));
  EXPECT_THAT(stripped({"app.model.model.a", "app.model.model.b"}), ElementsAre("model.a", "model.b"));
  EXPECT_THAT(stripped({"module.a", "module.b"}), ElementsAre("a", "b"));
  EXPECT_THAT(stripped({"model.a", "model.b"}), ElementsAre("model.a", "model.b"));
  EXPECT_THAT(stripped({"module.a", "other"}), ElementsAre("module.a", "other"));
}

}  // namespace
}  // namespace stockpot::io
