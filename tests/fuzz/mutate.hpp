// Small changes of bytes, some blind, some that know of text.
#pragma once

#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace stockpot::fuzz {

class Mutator {
 public:
  Mutator(std::uint64_t seed, std::size_t most_bytes) : random_(seed), most_bytes_(most_bytes) {}

  /// One of the corpus, changed in one to eight places.
  std::string from(const std::vector<std::string>& corpus) {
    std::string input = corpus[below(corpus.size())];
    for (std::size_t left = std::size_t{1} << below(4); left > 0; --left) change(input, corpus);
    if (input.size() > most_bytes_) input.resize(most_bytes_);
    return input;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void change(std::string& input, const std::vector<std::string>& corpus) {
    const std::size_t at = below(input.size() + 1);
    switch (below(9)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:
        if (at < input.size()) input[at] = static_cast<char>(random_());
        break;
      case 2:
        input.insert(at, 1 + below(4), static_cast<char>(random_()));
        break;
      case 3:
        input.erase(at, 1 + below(16));
        break;
      case 4:  // a piece again, somewhere
        input.insert(at, input.substr(below(input.size() + 1), below(64)));
        break;
      case 5: {  // a piece of another one
        const std::string& other = corpus[below(corpus.size())];
        input.replace(at, below(32), other.substr(below(other.size() + 1), below(128)));
        break;
      }
      case 6:
        replace_number(input, at);
        break;
      case 7:
        input.insert(at, words[below(words.size())]);
        break;
      default:
        if (input.size() > 2) input.resize(below(input.size()));
    }
  }

  /// The digits at or after `at`.
  void replace_number(std::string& input, std::size_t at) {
    const std::size_t first = input.find_first_of("0123456789", at);
    if (first == input.npos) return;
    const std::size_t end = std::min(input.find_first_not_of("0123456789", first), input.size());
    input.replace(first, end - first, numbers[below(numbers.size())]);
  }

  static constexpr std::array<std::string_view, 16> numbers{
      "0",          "1",          "2",    "-1",   "255", "65536", "2147483647",           "2147483648",
      "4294967295", "4294967296", "1e30", "1e-9", "0.5", ".nan",  "18446744073709551615", "18446744073709551616"};
  static constexpr std::array<std::string_view, 24> words{
      "[",  "]",     "{",   "}",  "\"",   ":",  ",",  "null", "true",     "\\u0000", "\\ud800", "\xEF\xBB\xBF",
      "\n", "---\n", "&a ", "*a", "<<: ", "- ", "  ", "!!x ", "\xFF\xFE", "|\n",     "\t",      "e9"};

  std::mt19937_64 random_;
  std::size_t most_bytes_;
};

}  // namespace stockpot::fuzz
