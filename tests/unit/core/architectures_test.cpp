#include "core/architectures.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.hpp"

namespace stockpot {
namespace {

std::uint64_t parameters_of(std::string_view name) {
  std::uint64_t sum = 0;
  for (const auto& tensor : architecture_tensors(name, DType::bf16)) {
    if (!is_integral(tensor.dtype)) sum += tensor.elements();
  }
  return sum;
}

struct Published {
  std::string name;
  std::uint64_t parameters;
  std::size_t tensors;
};

class ArchitectureCounts : public testing::TestWithParam<Published> {};

// The parameter counts are those of the model cards; the tensor counts those of the released indexes.
TEST_P(ArchitectureCounts, AreThePublishedOnes) {
  EXPECT_EQ(parameters_of(GetParam().name), GetParam().parameters);
  EXPECT_EQ(architecture_tensors(GetParam().name, DType::bf16).size(), GetParam().tensors);
}

INSTANTIATE_TEST_SUITE_P(
    Public, ArchitectureCounts,
    testing::Values(Published{"llama-1b", 1'235'814'400, 146}, Published{"llama-8b", 8'030'261'248, 291},
                    Published{"llama-70b", 70'553'706'496, 723}, Published{"llama-405b", 405'853'388'800, 1'137},
                    Published{"qwen2-7b", 7'615'616'512, 339}, Published{"mixtral-8x7b", 46'702'792'704, 995},
                    Published{"deepseek-671b", 671'026'419'200, 45'395},
                    Published{"kimi-1t", 1'026'408'232'448, 69'975}, Published{"gpt2", 124'439'808, 148},
                    Published{"bert-base", 109'482'240, 200}),
    [](const auto& published) {
      std::string name = published.param.name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(Architectures, TensorsAscendByNameAndNoneRepeats) {
  for (const auto& name : architecture_names()) {
    const auto tensors = architecture_tensors(name, DType::f16);
    EXPECT_TRUE(std::is_sorted(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
      return a.name <= b.name;  // not even equal
    })) << name;
  }
}

TEST(Architectures, BuffersKeepTheirOwnType) {
  const auto tensors = architecture_tensors("bert-base", DType::f16);
  const auto positions = std::find_if(tensors.begin(), tensors.end(),
                                      [](const auto& tensor) { return tensor.name == "embeddings.position_ids"; });
  ASSERT_NE(positions, tensors.end());
  EXPECT_EQ(positions->dtype, DType::i64);
  EXPECT_EQ(positions->shape, (Shape{1, 512}));
}

TEST(Architectures, AnUnknownNameIsAnsweredWithTheKnownOnes) {
  try {
    find_architecture("llama-71b");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("'llama-71b'"), testing::HasSubstr("llama-70b")));
  }
}

}  // namespace
}  // namespace stockpot
