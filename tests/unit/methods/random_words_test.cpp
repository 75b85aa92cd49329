#include "methods/kernels/random_words.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/instruction_sets.hpp"

namespace stockpot::methods {
namespace {

TEST(RandomWords, AreThoseOfTheStreamOnEveryInstructionSet) {
  const RandomStream stream{0x0123456789ABCDEF, stream_of(0, "model", "tensor")};
  for (const auto set : test::available_instruction_sets()) {
    const test::WithInstructionSet chosen(set);
    for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{4'294'967'290}, ~std::uint64_t{0} / 4 - 100}) {
      std::vector<std::uint32_t> words(4 * 67);
      dispatch(philox_words, stream, first, words.size() / 4, words.data());
      for (std::size_t i = 0; i < words.size(); ++i) {
        ASSERT_EQ(words[i], stream.words(first + i / 4)[i % 4]) << name(set) << " group " << first + i / 4;
      }
    }
  }
}

TEST(RandomWords, StartAsPublished) {
  std::uint32_t words[8];
  dispatch(philox_words, RandomStream{42, stream_of(0, "A", "t")}, std::uint64_t{0}, std::size_t{2}, &words[0]);
  const std::uint32_t expected[] = {0x11d65715, 0xdca430b8, 0x69c67780, 0x6215eb2d, 0x65e4422a, 0xe824fa97};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(words[i], expected[i]);
}

}  // namespace
}  // namespace stockpot::methods
