// Neighbours in a file come in one read; whatever lies between them, each strip gets its own bytes.
#include "engine/stored_parts.hpp"

#include <gmock/gmock.h>

#include <atomic>

#include "core/error.hpp"
#include "support/error_of.hpp"
#include "support/memory_source.hpp"
#include "unit/plan/planned.hpp"

namespace stockpot::engine {
namespace {

using testing::HasSubstr;

std::byte byte_at(char model, std::uint64_t offset) {
  return static_cast<std::byte>((offset * 7 + offset / 256 + static_cast<unsigned char>(model)) % 251);
}

/// A file of known bytes that counts its reads; from `lost` on there are none.
class Known final : public io::ByteSource {
 public:
  Known(std::string path, std::atomic<int>& reads, std::uint64_t lost)
      : path_(std::move(path)), reads_(reads), lost_(lost) {}
  void read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    ++reads_;
    if (offset + into.size() > lost_) {
      throw Error(ErrorKind::storage, "nothing there").in_file(path_).at_byte(std::max(offset, lost_), size());
    }
    for (std::size_t i = 0; i < into.size(); ++i) into[i] = byte_at(path_.front(), offset + i);
  }
  std::uint64_t size() const override { return 1 << 20; }
  const std::string& path() const override { return path_; }

 private:
  std::string path_;
  std::atomic<int>& reads_;
  std::uint64_t lost_;
};

class StoredPartsTest : public testing::Test {
 protected:
  using Shapes = std::vector<std::pair<DType, Shape>>;

  /// Reads tensors of two models, the first of a plan's in `order`.   @return reads of files
  int read(const Shapes& shapes, const std::vector<std::uint32_t>& order, std::uint64_t lost = 1 << 20) {
    std::vector<TensorInfo> tensors;
    for (std::size_t t = 0; t < shapes.size(); ++t) {
      tensors.push_back({"t." + std::to_string(t), shapes[t].first, shapes[t].second});
    }
    std::vector<Catalogue> models = plan::test::alike(2, tensors);
    for (Catalogue& model : models) model.files.front().path = model.model;
    const plan::MergePlan plan =
        plan::test::planned("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: b}]", models);
    std::atomic<int> reads = 0;
    InputFiles files([&](const std::string& path) { return std::make_unique<Known>(path, reads, lost); });
    const SourceFactory factory(plan, files);
    std::vector<OpenStrip> strips;
    std::uint64_t bytes = 0;
    for (const std::uint32_t t : order) {
      const ElementRange all{0, plan.tensors[t].output.elements()};
      strips.emplace_back(plan, Strip{.tensor = t, .range = all}, factory);
      bytes += plan::stored_bytes(plan, t, all.count);
    }
    std::vector<std::byte> memory(bytes);
    cut_parts(strips, memory);
    read_together(parts_of(all_of(strips)));
    for (const OpenStrip& open : strips) {
      for (std::size_t s = 0; s < open.parts.size(); ++s) {
        const StoredTensor& stored = plan.models[s].tensors[plan.tensors[open.strip.tensor].sources[s].tensor];
        EXPECT_EQ((open.parts[s].data() - memory.data()) % static_cast<std::ptrdiff_t>(bytes_of(stored.info.dtype, 1)),
                  0);
        for (std::size_t i = 0; i < open.parts[s].size(); ++i) {
          EXPECT_EQ(open.parts[s][i], byte_at(plan.models[s].model.front(), stored.offset + i)) << stored.info.name;
        }
      }
    }
    return reads;
  }
};

TEST_F(StoredPartsTest, NeighboursAreReadAtOnce) {
  EXPECT_EQ(read(Shapes(9, {DType::bf16, {4, 8}}), {0, 1, 2, 3, 4, 5, 6, 7, 8}), 2) << "one read of each model";
}

TEST_F(StoredPartsTest, OddSizesAreNeighboursToo) {
  EXPECT_EQ(read({{DType::bf16, {3}}, {DType::bf16, {1}}, {DType::bf16, {5, 7}}, {DType::bf16, {1}}}, {0, 1, 2, 3}), 2);
}

TEST_F(StoredPartsTest, WhatLiesBetweenIsNotRead) {
  EXPECT_EQ(read(Shapes(6, {DType::bf16, {4, 8}}), {0, 1, 3, 4, 5}), 4);
}

TEST_F(StoredPartsTest, AnotherOrderTakesMoreReads) {
  EXPECT_EQ(read(Shapes(4, {DType::bf16, {4, 8}}), {3, 1, 2, 0}), 6);
}

TEST_F(StoredPartsTest, ElementsBeginAtMultiplesOfTheirSizeWhateverComesBefore) {
  read({{DType::bf16, {3}}, {DType::f32, {5}}, {DType::f16, {1}}, {DType::f64, {2}}}, {0, 1, 2, 3});
}

TEST_F(StoredPartsTest, AReadThatFailsIsSaidOfTheTensorThatItFailsFor) {
  const Error error = test::error_of([&] { read(Shapes(6, {DType::bf16, {4, 8}}), {0, 1, 2, 3, 4, 5}, 4 * 64); });
  EXPECT_THAT(error.what(), HasSubstr("nothing there"));
  EXPECT_THAT(error.what(), HasSubstr("t.4"));
}

}  // namespace
}  // namespace stockpot::engine
