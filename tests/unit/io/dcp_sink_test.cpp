#include "io/dcp_sink.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "core/error.hpp"
#include "io/checkpoint.hpp"
#include "io/crc32.hpp"
#include "io/little_endian.hpp"
#include "io/posix_file.hpp"
#include "io/pytorch_item.hpp"
#include "io/zip_directory.hpp"
#include "support/error_of.hpp"
#include "support/patterned_output.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using namespace std::string_literals;
using test::bytes_of_file;
using test::pattern_of;
using test::patterned_layout;
using test::TemporaryDirectory;
using test::write_pieces;
using testing::ElementsAre;

void write_all(const OutputLayout& layout, std::uint64_t piece = 1000) {
  const auto comm = comm::Communicator::alone();
  DcpSink sink(layout);
  sink.prepare(comm);
  write_pieces(sink, layout, piece, 0, 1);
  sink.finish(comm);
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(DcpSink, EveryTensorIsReadAsItWasWritten) {
  const TemporaryDirectory scratch;
  const OutputLayout layout = patterned_layout(scratch.path());
  write_all(layout);
  const Catalogue found = read_catalogue("m", scratch.path());
  ASSERT_EQ(found.tensors.size(), layout.tensors.size());
  for (std::uint32_t t = 0; t < layout.tensors.size(); ++t) {
    const StoredTensor* stored = found.find(layout.tensors[t].name);
    ASSERT_NE(stored, nullptr) << layout.tensors[t].name;
    EXPECT_EQ(stored->info.dtype, layout.tensors[t].dtype);
    EXPECT_EQ(stored->info.shape, layout.tensors[t].shape);
    std::vector<std::byte> bytes(stored->info.bytes());
    PosixSource(found.files[stored->file].path).read_at(stored->offset, bytes);
    EXPECT_TRUE(bytes == pattern_of(layout, t)) << stored->info.name;
    EXPECT_EQ(stored->info.bytes() > 0 ? stored->offset % 64 : 0, 0u) << stored->info.name;
  }
}

TEST(DcpSink, FilesAreThoseOfTheLayoutAndTheIndex) {
  const TemporaryDirectory scratch;
  write_all(patterned_layout(scratch.path()));
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(scratch / "distcp"))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::UnorderedElementsAre(".metadata", "__0_0.distcp", "__1_0.distcp"));
}

TEST(DcpSink, APartOfAnEarlierAttemptIsReadBackForTheChecksums) {
  const TemporaryDirectory at_once, in_two;
  write_all(patterned_layout(at_once.path()));
  const OutputLayout layout = patterned_layout(in_two.path());
  const auto comm = comm::Communicator::alone();
  {
    DcpSink first(layout);
    first.prepare(comm);
    write_pieces(first, layout, 1000, 1, 3);
    first.flush();
  }
  DcpSink second(layout);
  second.prepare(comm);
  write_pieces(second, layout, 1000, 0, 3);
  write_pieces(second, layout, 1000, 2, 3);
  second.finish(comm);
  for (const char* file : {".metadata", "__0_0.distcp", "__1_0.distcp"}) {
    EXPECT_TRUE(bytes_of_file(at_once / ("distcp/"s + file)) == bytes_of_file(in_two / ("distcp/"s + file))) << file;
  }
}

TEST(DcpSink, MetadataThatHasNoPlaceIsSaid) {
  OutputLayout layout = patterned_layout("d");
  EXPECT_THAT(DcpSink(layout).left_out(), ElementsAre(testing::HasSubstr("output.metadata")));
  layout.metadata.clear();
  EXPECT_TRUE(DcpSink(layout).left_out().empty());
}

TEST(DcpSink, TheOnlyTensorsItemIsTheWholeFile) {
  const TemporaryDirectory scratch;
  OutputLayout layout;
  layout.directory = scratch.path();
  layout.tensors = {{"w", DType::bf16, {2, 3}}};
  layout.files = {{"model.safetensors", {0}, {0}}};
  write_all(layout);
  const std::string file = bytes_of_file(scratch / "distcp/__0_0.distcp");
  const std::string data = text_of(pattern_of(layout, 0));
  const std::uint32_t crc = crc32(std::as_bytes(std::span(data)));
  const PytorchItem item(layout.tensors[0]);
  EXPECT_EQ(file, item.head(crc) + data + item.tail(crc));
}

/// Local header, by hand from the description of the format: elements begin at a multiple of 64.
TEST(PytorchItem, HeaderOfTheElements) {
  const std::string head = PytorchItem({"w", DType::bf16, {2, 3}}).head(0x04030201);
  ASSERT_EQ(head.size() % 64, 0u);
  const std::size_t at = head.rfind("PK\x03\x04");
  const std::size_t padding = head.size() - at - 30 - 14 - 4;
  std::string expected = "PK\x03\x04\x14\0\0\x08\0\0\0\0\x21\0\x01\x02\x03\x04\x0C\0\0\0\x0C\0\0\0\x0E\0"s;
  append_little_endian(expected, padding + 4, 2);
  expected += "archive/data/0FB";
  append_little_endian(expected, padding, 2);
  EXPECT_EQ(head.substr(at), expected + std::string(padding, 'Z'));
}

TEST(PytorchItem, PickleRebuildsTheTensor) {
  const std::string head = PytorchItem({"w", DType::bf16, {2, 3}}).head(0);
  const std::string pickle =
      "\x80\x02"s
      "ctorch._utils\n_rebuild_tensor_v2\nq\0((X\x07\0\0\0storagectorch\nBFloat16Storage\nq\x01X\x01\0\0\0"s +
      "0X\x03\0\0\0cpuK\x06tQK\0(K\x02K\x03t(K\x03K\x01t\x89"s + "ccollections\nOrderedDict\nq\x02)RtR."s;
  EXPECT_THAT(head, testing::HasSubstr(pickle));
}

TEST(PytorchItem, SizesFrom4GibOnHave64Bits) {
  const std::uint64_t bytes = (std::uint64_t{1} << 32) - 1;  // all ones: not a size, but the mark of a larger one
  const PytorchItem item({"w", DType::u8, {bytes}});
  const std::string sizes = "\x01\0\x10\0\xFF\xFF\xFF\xFF\0\0\0\0\xFF\xFF\xFF\xFF\0\0\0\0"s;
  EXPECT_THAT(item.head(0), testing::HasSubstr("archive/data/0" + sizes + "FB"));
  EXPECT_THAT(item.tail(0), testing::HasSubstr("archive/data/0" + sizes + "PK\x06\x06"));
  EXPECT_EQ(item.head(0).size() % 64, 0u);
  EXPECT_THAT(PytorchItem({"w", DType::u8, {bytes - 1}}).tail(0), testing::HasSubstr("archive/data/0PK\x06\x06"));
}

TEST(PytorchItem, TypesThatPytorchLacksAreRefused) {
  for (const TensorInfo& info :
       {TensorInfo{"w", DType::f6_e2m3, {8}}, {"w", DType::f4, {2, 3}}, {"w", DType::f4, {}}}) {
    const Error error = test::error_of([&] { PytorchItem{info}; });
    EXPECT_EQ(error.class_code(), "CFG015");
    EXPECT_EQ(error.kind(), ErrorKind::recipe);
  }
}

}  // namespace
}  // namespace stockpot::io
