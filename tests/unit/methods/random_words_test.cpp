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
      for (const std::size_t groups : std::vector<std::size_t>{1, 7, 8, 9, 67}) {
        std::vector<std::uint32_t> words(4 * groups + 1, 12345);
        write_words(stream, first, groups, words.data());
        for (std::size_t i = 0; i < 4 * groups; ++i) {
          ASSERT_EQ(words[i], stream.words(first + i / 4)[i % 4]) << name(set) << " group " << first + i / 4;
        }
        ASSERT_EQ(words.back(), 12345) << "written beyond the end";
      }
    }
  }
}

TEST(RandomWords, StartAsPublished) {
  std::uint32_t words[8];
  write_words(RandomStream{42, stream_of(0, "A", "t")}, 0, 2, words);
  const std::uint32_t expected[] = {0x11d65715, 0xdca430b8, 0x69c67780, 0x6215eb2d, 0x65e4422a, 0xe824fa97};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(words[i], expected[i]);
}

}  // namespace
}  // namespace stockpot::methods
