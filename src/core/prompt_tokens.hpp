// The tokens of an expert's prompts: what router rows are made of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stockpot {

/// Made by one rank, from a tokenizer and from texts.
struct PromptTokens {
  struct Token {
    std::uint64_t id = 0, count = 0;
    bool operator==(const Token&) const = default;
  };
  /// One row of a router. Each list is ascending by id, each id once.
  struct Row {
    std::vector<Token> positive, negative;
    bool operator==(const Row&) const = default;
  };
  std::vector<Row> rows;  ///< of experts, then of shared experts, in document order

  std::string pack() const;
  static PromptTokens unpack(std::string_view packed);
  bool operator==(const PromptTokens&) const = default;
};

}  // namespace stockpot
