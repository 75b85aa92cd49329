#include "io/pytorch_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <span>

#include "io/checkpoint.hpp"
#include "io/posix_file.hpp"
#include "io/stored_elements.hpp"
#include "support/error_of.hpp"
#include "support/pytorch_bytes.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using test::float_storage;
using test::pickled;
using test::pickled_dict;
using test::pytorch_bytes;
using test::TemporaryDirectory;
using test::view_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Catalogue read(const std::string& bytes) {
  const TemporaryDirectory folder;
  return read_catalogue("m", folder.write("f", bytes));
}

std::string code_of(const std::string& bytes) {
  return error_of([&] { read(bytes); }).class_code();
}

/// All elements of the only tensor of a file that holds floats 0 ... 59.
std::vector<float> elements(const std::vector<std::int32_t>& size, const std::vector<std::int32_t>& stride,
                            int offset = 0, std::uint64_t first = 0) {
  const TemporaryDirectory folder;
  const auto path =
      folder.write("f", pytorch_bytes(pickled_dict({{"w", view_of(float_storage(60), offset, size, stride)}}), 60));
  const Catalogue model = read_catalogue("m", path);
  const StoredTensor& tensor = model.tensors.front();
  std::vector<float> values(tensor.info.elements() - first);
  read_elements(PosixSource(path), tensor, {first, values.size()}, std::as_writable_bytes(std::span(values)));
  return values;
}

TEST(PytorchFile, AStateDictIsReadWithPlaces) {
  const Catalogue model = read(pytorch_bytes(
      pickled_dict({{"b", view_of(float_storage(6), 2, {2, 2}, {2, 1})}, {"a", view_of(float_storage(6), 0, {}, {})}}),
      6));
  ASSERT_EQ(model.tensors.size(), 2u);
  EXPECT_EQ(model.tensors[0].info.name, "a");
  EXPECT_THAT(model.tensors[1].info.shape, ElementsAre(2, 2));
  EXPECT_EQ(model.tensors[1].offset - model.tensors[0].offset, 2 * sizeof(float));
  EXPECT_THAT(model.tensors[1].strides, IsEmpty());
  EXPECT_THAT(model.warnings, IsEmpty());
}

TEST(PytorchFile, ViewsAreReadInTheirOwnOrder) {
  EXPECT_THAT(elements({3, 2}, {2, 1}), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(elements({2, 3}, {1, 2}), ElementsAre(0, 2, 4, 1, 3, 5));
  EXPECT_THAT(elements({2, 3}, {1, 2}, 10), ElementsAre(10, 12, 14, 11, 13, 15));
  EXPECT_THAT(elements({2, 2}, {10, 3}), ElementsAre(0, 3, 10, 13));
  EXPECT_THAT(elements({2, 3}, {0, 1}), ElementsAre(0, 1, 2, 0, 1, 2));
  EXPECT_THAT(elements({3, 2}, {1, 1}), ElementsAre(0, 1, 1, 2, 2, 3));
  EXPECT_THAT(elements({1, 2, 1}, {50, 30, 7}), ElementsAre(0, 30));
}

TEST(PytorchFile, ARunOfAViewBeginsAnywhere) {
  EXPECT_THAT(elements({2, 3}, {1, 2}, 0, 2), ElementsAre(4, 1, 3, 5));
  EXPECT_THAT(elements({2, 2, 2}, {1, 2, 4}, 0, 3), ElementsAre(6, 1, 5, 3, 7));
}

TEST(PytorchFile, ALargeTransposedMatrixIsReadInPieces) {
  constexpr int rows = 700, columns = 900;  // 2.4 MiB: more than a piece
  const TemporaryDirectory folder;
  const auto path = folder.write(
      "f", pytorch_bytes(pickled_dict({{"w", view_of(float_storage(rows * columns), 0, {rows, columns}, {1, rows})}}),
                         rows * columns));
  const Catalogue model = read_catalogue("m", path);
  std::vector<float> values(rows * columns);
  read_elements(PosixSource(path), model.tensors[0], {0, values.size()}, std::as_writable_bytes(std::span(values)));
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      ASSERT_EQ(values[static_cast<std::size_t>(i * columns + j)], static_cast<float>(j * rows + i)) << i << ' ' << j;
    }
  }
}

TEST(PytorchFile, DescriptionsThatLeaveTheStorageAreRefused) {
  const auto code = [](int offset, const std::vector<std::int32_t>& size, const std::vector<std::int32_t>& stride,
                       int claimed = 7) {
    return code_of(pytorch_bytes(pickled_dict({{"w", view_of(float_storage(claimed), offset, size, stride)}}), 7));
  };
  EXPECT_EQ(code(5, {3}, {1}), "FMT034");
  EXPECT_EQ(code(0, {2, 2}, {7, 1}), "FMT034");
  EXPECT_EQ(code(-1, {2}, {1}), "FMT034");
  EXPECT_EQ(code(0, {-2}, {1}), "FMT034");
  EXPECT_EQ(code(0, {2}, {-1}), "FMT034");
  EXPECT_EQ(code(0, {2}, {1, 1}), "FMT034");
  EXPECT_EQ(code(8, {0}, {1}), "FMT034");
  EXPECT_EQ(code(0, {2}, {1}, 8), "FMT034");
  EXPECT_EQ(code(0, std::vector<std::int32_t>(4, 65536 * 16), {0, 0, 0, 0}), "FMT006");
  EXPECT_EQ(code(0, {65536, 65536}, {0, 0}), "FMT005");
  EXPECT_EQ(code(0, std::vector<std::int32_t>(33, 1), std::vector<std::int32_t>(33, 1)), "FMT005");
}

TEST(PytorchFile, TheStateDictIsFoundBelowUsualNames) {
  const std::string weights = pickled_dict({{"w", view_of(float_storage(2), 0, {2}, {1})}});
  const Catalogue model = read(pytorch_bytes(pickled_dict({{"epoch", pickled(3)}, {"model", weights}}), 2));
  EXPECT_EQ(model.tensors.at(0).info.name, "w");
  const std::string list = std::string("](") + view_of(float_storage(2), 0, {2}, {1}) + "e";
  EXPECT_EQ(read(pytorch_bytes(pickled_dict({{"any", pickled_dict({{"l", list}})}}), 2)).tensors.at(0).info.name,
            "l.0");
}

TEST(PytorchFile, TwoNamesOfOneTensorHaveOnePlace) {
  const std::string view = view_of(float_storage(2), 0, {2}, {1});
  const Catalogue model = read(pytorch_bytes(pickled_dict({{"a", view}, {"b", view}}), 2));
  EXPECT_EQ(model.tensors.at(0).offset, model.tensors.at(1).offset);
}

/// A file as a whole, for the mutations below.
std::string sample() {
  const std::string view = view_of(float_storage(12), 0, {3, 4}, {1, 3});
  return pytorch_bytes(
      pickled_dict({{"state_dict", pickled_dict({{"a", view}, {"b", view_of(float_storage(12), 2, {5}, {1})}})},
                    {"args", "cargparse\nNamespace\n)\x81}b"},
                    {"list", std::string("](") + pickled(1) + "K\1e"}}),
      12);
}

TEST(PytorchFile, MutatedFilesAreReadOrRefused) {
  const char* asked = std::getenv("STOCKPOT_MUTATIONS");  // more of them, by hand, in a build with sanitizers
  const int rounds = asked == nullptr ? 3000 : std::atoi(asked);
  const TemporaryDirectory folder;
  const std::string good = sample();
  std::mt19937_64 random(7);
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = good;
    for (std::uint64_t changes = 1 + random() % 4; changes-- > 0;) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8);
          break;
        case 2:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 40));
          break;
        default:
          bytes.erase(at, random() % 40 % bytes.size());
          break;
      }
      if (bytes.empty()) bytes = "P";
    }
    const std::string path = folder.write("f", bytes);
    try {
      const Catalogue model = read_catalogue("m", path);
      for (const StoredTensor& tensor : model.tensors) {
        std::vector<std::byte> data(tensor.info.bytes());
        ASSERT_LT(data.size(), bytes.size() * 1000);
        read_elements(PosixSource(path), tensor, {0, tensor.info.elements()}, data);
      }
    } catch (const Error& error) {
      ++refused;
      ASSERT_EQ(error.kind(), ErrorKind::corrupt_input) << error.what();
    }
  }
  EXPECT_GT(refused, rounds / 2);
}

}  // namespace
}  // namespace stockpot::io
