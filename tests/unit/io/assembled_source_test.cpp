#include "io/assembled_source.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

namespace stockpot::io {
namespace {

/// A file in memory.
class Bytes final : public ByteSource {
 public:
  explicit Bytes(std::vector<std::byte> content) : content_(std::move(content)) {}
  void read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    ASSERT_LE(offset + into.size(), content_.size());
    std::memcpy(into.data(), content_.data() + offset, into.size());
  }
  std::uint64_t size() const override { return content_.size(); }
  const std::string& path() const override { return path_; }

 private:
  std::vector<std::byte> content_;
  std::string path_ = "memory";
};

using Boxes = std::vector<std::pair<Shape, Shape>>;

/// A tensor of int16 whose elements are their own positions, in pieces, each in a file of its own behind `before` bytes.
class Pieces {
 public:
  Pieces(const Shape& shape, const Boxes& boxes, std::uint64_t before) {
    tensor.info = {"t", DType::i16, shape};
    tensor.offset = before;
    for (const auto& [start, count] : boxes) {
      const auto file = static_cast<std::uint32_t>(tensor.pieces.size());
      tensor.pieces.push_back({file, before, start, count});
      std::vector<std::byte> content(before + 2 * *checked_elements(count));
      for (std::uint64_t i = 0; i < *checked_elements(count); ++i) {
        std::uint64_t left = i, position = 0, step = 1;
        for (std::size_t d = shape.size(); d-- > 0; left /= count[d], step *= shape[d]) {
          position += (start[d] + left % count[d]) * step;
        }
        const auto value = static_cast<std::int16_t>(position);
        std::memcpy(content.data() + before + 2 * i, &value, 2);
      }
      files[file] = std::make_shared<Bytes>(std::move(content));
    }
  }

  /// Every run of elements, by its first element and its length.
  void expect_all_runs_right() const {
    const AssembledSource source(tensor, "t", [&](std::uint32_t file) { return files.at(file); });
    const std::uint64_t elements = tensor.info.elements();
    for (std::uint64_t first = 0; first < elements; ++first) {
      for (std::uint64_t count = 1; count <= elements - first; ++count) {
        std::vector<std::int16_t> read(count, -1);
        source.read_at(tensor.offset + 2 * first, std::as_writable_bytes(std::span(read)));
        for (std::uint64_t i = 0; i < count; ++i) ASSERT_EQ(read[i], first + i) << first << '+' << count;
      }
    }
  }

  StoredTensor tensor;
  std::map<std::uint32_t, std::shared_ptr<const ByteSource>> files;
};

TEST(AssembledSource, RowsOfAMatrix) {
  Pieces({5, 3}, {{{0, 0}, {2, 3}}, {{2, 0}, {3, 3}}}, 10).expect_all_runs_right();
}

TEST(AssembledSource, ColumnsOfAMatrix) {
  Pieces({4, 5}, {{{0, 0}, {4, 2}}, {{0, 2}, {4, 1}}, {{0, 3}, {4, 2}}}, 0).expect_all_runs_right();
}

TEST(AssembledSource, RowsAndColumns) {
  Pieces({4, 4}, {{{0, 0}, {3, 1}}, {{0, 1}, {3, 3}}, {{3, 0}, {1, 1}}, {{3, 1}, {1, 3}}}, 6).expect_all_runs_right();
}

TEST(AssembledSource, APinwheelThatIsNoGrid) {
  Pieces({3, 3}, {{{0, 0}, {1, 2}}, {{0, 2}, {2, 1}}, {{1, 0}, {2, 1}}, {{1, 1}, {1, 1}}, {{2, 1}, {1, 2}}}, 0)
      .expect_all_runs_right();
}

TEST(AssembledSource, TheMiddleOfThreeDimensions) {
  Pieces({2, 3, 4}, {{{0, 0, 0}, {2, 1, 4}}, {{0, 1, 0}, {2, 2, 3}}, {{0, 1, 3}, {2, 2, 1}}}, 2)
      .expect_all_runs_right();
}

TEST(AssembledSource, AVector) { Pieces({9}, {{{0}, {4}}, {{4}, {5}}}, 0).expect_all_runs_right(); }

TEST(AssembledSource, RowsOfMoreThanOneReadPutTogetherFromColumns) {
  const std::uint64_t rows = 3, columns = 700'000;  // 1.4 MB a row
  Pieces pieces({rows, columns}, {{{0, 0}, {rows, columns - 5}}, {{0, columns - 5}, {rows, 5}}}, 0);
  const AssembledSource source(pieces.tensor, "t", [&](std::uint32_t file) { return pieces.files.at(file); });
  std::vector<std::int16_t> read(rows * columns);
  source.read_at(0, std::as_writable_bytes(std::span(read)));
  for (std::uint64_t i = 0; i < read.size(); ++i) ASSERT_EQ(read[i], static_cast<std::int16_t>(i)) << i;
}

}  // namespace
}  // namespace stockpot::io
