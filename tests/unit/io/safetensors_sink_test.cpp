#include "io/safetensors_sink.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/error.hpp"
#include "io/pending_calls.hpp"
#include "io/safetensors.hpp"
#include "support/patterned_output.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::bytes_of_file;
using test::pattern_of;
using test::patterned_layout;
using test::TemporaryDirectory;
using test::write_pieces;
using testing::ElementsAre;

OutputLayout one_file(const std::string& directory) {
  OutputLayout layout;
  layout.directory = directory;
  layout.tensors = {{"a", DType::bf16, {3}}, {"b", DType::f32, {2, 1}}};
  layout.files = {{"model.safetensors", {1, 0}, {0, 8}}};
  return layout;
}

void write_all(SafetensorsSink& sink, const OutputLayout& layout) {
  const auto comm = comm::Communicator::alone();
  sink.prepare(comm);
  write_pieces(sink, layout, 1000, 0, 1);
  sink.finish(comm);
}

TEST(SafetensorsSink, FileIsHeaderThenDataToTheByte) {
  const TemporaryDirectory scratch;
  const OutputLayout layout = one_file(scratch.path());
  SafetensorsSink sink(layout);
  write_all(sink, layout);

  const std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("a":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]}})";
  std::string expected("\xf8\x0f\0\0\0\0\0\0", 8);  // 4088
  expected += header + std::string(4088 - header.size(), ' ');
  for (const std::uint32_t tensor : {1u, 0u}) {
    for (const std::byte byte : pattern_of(layout, tensor)) expected += static_cast<char>(byte);
  }
  EXPECT_EQ(bytes_of_file(scratch / "model.safetensors"), expected);
}

TEST(SafetensorsSink, NeighboursInMemoryAreWrittenAtOnce) {
  const TemporaryDirectory scratch;
  OutputLayout layout;
  layout.directory = scratch.path();
  layout.tensors = {{"a", DType::bf16, {3}}, {"b", DType::bf16, {5}}, {"c", DType::bf16, {2}}, {"d", DType::bf16, {4}}};
  layout.files = {{"model-00001-of-00002.safetensors", {0, 1, 2}, {0, 6, 16}},
                  {"model-00002-of-00002.safetensors", {3}, {0}}};
  std::vector<std::byte> memory;
  std::vector<EncodedRange> all;
  for (std::uint32_t t = 0; t < layout.tensors.size(); ++t) {
    std::ranges::copy(pattern_of(layout, t), std::back_inserter(memory));
  }
  std::size_t at = 0;
  for (std::uint32_t t = 0; t < layout.tensors.size(); ++t) {
    all.push_back({t, {0, layout.tensors[t].elements()}, std::span(memory).subspan(at, layout.tensors[t].bytes()), {}});
    at += layout.tensors[t].bytes();
  }
  const auto comm = comm::Communicator::alone();
  SafetensorsSink together(layout);
  together.prepare(comm);
  take_transfer_totals();
  together.write_all(all);
  EXPECT_EQ(take_transfer_totals()[static_cast<std::size_t>(Transfer::write)].calls, 2u) << "one for each file";
  std::ranges::reverse(all);
  together.write_all(all);
  EXPECT_EQ(take_transfer_totals()[static_cast<std::size_t>(Transfer::write)].calls, 4u) << "each is behind the next";
  together.finish(comm);
  for (const auto& file : layout.files) {
    std::string expected;
    for (const std::uint32_t t : file.tensors) {
      for (const std::byte byte : pattern_of(layout, t)) expected += static_cast<char>(byte);
    }
    EXPECT_TRUE(bytes_of_file(scratch / file.name).ends_with(expected)) << file.name;
  }
}

TEST(SafetensorsSink, OneFileNeedsNoIndex) {
  const TemporaryDirectory scratch;
  const OutputLayout layout = one_file(scratch.path());
  SafetensorsSink sink(layout);
  write_all(sink, layout);
  EXPECT_FALSE(std::filesystem::exists(scratch / "model.safetensors.index.json"));
}

TEST(SafetensorsSink, IndexMapsNamesInOrderAndCountsBytes) {
  const TemporaryDirectory scratch;
  const OutputLayout layout = patterned_layout(scratch.path());
  SafetensorsSink sink(layout);
  write_all(sink, layout);
  const auto index = nlohmann::ordered_json::parse(bytes_of_file(scratch / "model.safetensors.index.json"));
  EXPECT_EQ(index["metadata"]["total_size"], 4004 + 154200 + 10 + 8 + 0 + 9 + 30 + 24);
  EXPECT_EQ(index["metadata"]["stockpot_version"], "0.1.0");
  std::vector<std::string> names;
  for (const auto& entry : index["weight_map"].items()) names.push_back(entry.key());
  EXPECT_THAT(names, ElementsAre("b.weight", "c.bias", "d.scale", "e.empty", "f.mask", "g.codes", "h.steps",
                                 "model/a%.weight"));
  EXPECT_EQ(index["weight_map"]["c.bias"], "model-00001-of-00002.safetensors");
  EXPECT_EQ(index["weight_map"]["e.empty"], "model-00002-of-00002.safetensors");
}

TEST(SafetensorsSink, ThreadsWritingPiecesLeaveEveryTensorWhereItsHeaderSays) {
  const TemporaryDirectory scratch;
  const OutputLayout layout = patterned_layout(scratch.path());
  SafetensorsSink sink(layout);
  const auto comm = comm::Communicator::alone();
  sink.prepare(comm);
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) threads.emplace_back([&, t] { write_pieces(sink, layout, 514, t, 4); });
  }
  sink.finish(comm);

  for (const OutputLayout::File& file : layout.files) {
    const std::string bytes = bytes_of_file(scratch / file.name);
    const std::uint64_t header_bytes = safetensors_header_bytes(bytes.substr(0, 8), bytes.size(), file.name);
    const std::uint64_t data_start = 8 + header_bytes;
    const auto header =
        parse_safetensors_header(std::string_view(bytes).substr(8, header_bytes), bytes.size() - data_start, file.name);
    ASSERT_EQ(header.tensors.size(), file.tensors.size());
    EXPECT_EQ(header.metadata.at("note"), "for a test");
    for (const auto& [info, offset] : header.tensors) {
      const auto same_name = [&, wanted = info.name](const TensorInfo& t) { return t.name == wanted; };
      const auto tensor = std::find_if(layout.tensors.begin(), layout.tensors.end(), same_name);
      ASSERT_NE(tensor, layout.tensors.end());
      EXPECT_EQ(info.shape, tensor->shape);
      const auto expected = pattern_of(layout, static_cast<std::uint32_t>(tensor - layout.tensors.begin()));
      const std::string_view found = std::string_view(bytes).substr(data_start + offset, info.bytes());
      EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(found)), expected)) << info.name;
    }
  }
}

TEST(SafetensorsSink, DescribesItsFiles) {
  const TemporaryDirectory scratch;
  const OutputLayout layout = one_file(scratch.path());
  SafetensorsSink sink(layout);
  write_all(sink, layout);
  const auto files = sink.files();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].name, "model.safetensors");
  EXPECT_EQ(files[0].bytes, 4096u + 14u);
  EXPECT_THAT(files[0].tensors, ElementsAre(1u, 0u));
  const std::string header = bytes_of_file(scratch / "model.safetensors").substr(0, 4096);
  EXPECT_EQ(files[0].header, digest_block(std::as_bytes(std::span(header))));
}

TEST(SafetensorsSink, WhatAnEarlierAttemptLeftIsStartedAnewUnlessItIsWhole) {
  const TemporaryDirectory scratch;
  const OutputLayout layout = one_file(scratch.path());
  scratch.write("model.safetensors", "half a header");
  SafetensorsSink sink(layout);
  write_all(sink, layout);
  const TemporaryDirectory fresh;
  const OutputLayout same = one_file(fresh.path());
  SafetensorsSink first(same);
  write_all(first, same);
  EXPECT_TRUE(bytes_of_file(scratch / "model.safetensors") == bytes_of_file(fresh / "model.safetensors"));
}

TEST(SafetensorsSink, AFileThatShrankIsFoundAtTheEnd) {
  const TemporaryDirectory scratch;
  const auto comm = comm::Communicator::alone();
  SafetensorsSink sink(one_file(scratch.path()));
  sink.prepare(comm);
  std::filesystem::resize_file(scratch / "model.safetensors", 4100);
  EXPECT_THROW(sink.finish(comm), Error);
}

}  // namespace
}  // namespace stockpot::io
