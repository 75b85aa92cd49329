// tokenizer.json.
#include <algorithm>

#include "fuzz.hpp"
#include "tokenizer/tokenizer_file.hpp"

void stockpot::fuzz::target(std::string_view input) {
  const tokenizer::TokenizerFile file(input, "f");
  const auto& tokens = file.tokens();
  const auto by_id = [](const auto* a, const auto* b) { return a->id < b->id; };
  require(std::ranges::is_sorted(tokens, by_id), "tokens ascend by id");
  for (const auto* token : tokens) require(file.find(token->text) == token, "a token is found by its text");
}
