// The Gram kernel gives the bits of one pair at a time, for any number of vectors.
#include "methods/kernels/gram.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/instruction_sets.hpp"
#include "support/random_tensor.hpp"
#include "support/reference_merge.hpp"

namespace stockpot::test {
namespace {

using methods::Gram;
using methods::GramSums;
using methods::pairs_of;
using ::testing::ElementsAre;

/// Pair by pair, element by element.
template <class T>
std::vector<double> slow_gram(const HandTensor<T>& in, bool offsets, std::size_t first, std::size_t count) {
  std::vector<double> triangle;
  const auto value = [&](std::size_t m, std::size_t i) {
    return static_cast<double>(offsets ? in.models[m][i] - in.base[i] : in.models[m][i]);
  };
  for (std::size_t j = 0; j < in.models.size(); ++j) {
    for (std::size_t k = j; k < in.models.size(); ++k) {
      triangle.push_back(
          reference::contract_sum(first, count, [&](std::size_t i) { return value(j, i) * value(k, i); }));
    }
  }
  return triangle;
}

template <class T>
void expect_bits(std::size_t vectors, std::size_t first, std::size_t count) {
  const auto in = random_tensor<T>(first + count, vectors, vectors + count);
  std::vector<const T*> pointers;
  for (const auto& model : in.models) pointers.push_back(model.data());
  for (const auto set : available_instruction_sets()) {
    const WithInstructionSet chosen(set);
    for (const bool offsets : {false, true}) {
      GramSums<T> sums(pointers, offsets ? in.base.data() : nullptr);
      std::vector<double> gram(pairs_of(vectors), -1.0);
      sums.run(first, count, gram);
      EXPECT_EQ(gram, slow_gram(in, offsets, first, count)) << vectors << " vectors on " << name(set);
    }
  }
}

TEST(GramKernel, AddsEveryPairInTheOrderOfTheContract) {
  for (std::size_t vectors = 0; vectors <= 11; ++vectors) {
    expect_bits<float>(vectors, 3, 4099);
    expect_bits<double>(vectors, 3, 4099);
  }
}

TEST(GramKernel, RunsOfAnyLength) {
  for (const std::size_t count : {0u, 1u, 7u, 8u, 9u, 2047u, 2048u, 2049u, 65'535u, 65'536u, 65'537u, 200'003u}) {
    expect_bits<float>(3, 0, count);
    expect_bits<double>(2, 5, count);
  }
}

TEST(GramKernel, AMatrixKnowsProductsAndLengthsOfWeightedSums) {
  // u = (1, 0), v = (1, 2): <u,u> = 1, <u,v> = 1, <v,v> = 5.
  const std::vector<double> triangle{1, 1, 5}, c{3, -1};
  const Gram gram(triangle, 2);
  EXPECT_EQ(gram(0, 1), gram(1, 0));
  EXPECT_THAT(gram.products(c), ElementsAre(2, -2));
  EXPECT_EQ(gram.squared_norm(c), 8);
}

TEST(GramKernel, RoundingMakesNoLengthNegative) {
  const std::vector<double> triangle{1, 1.0000001, 1}, c{1, -1};
  EXPECT_EQ(Gram(triangle, 2).squared_norm(c), 0);
}

}  // namespace
}  // namespace stockpot::test
