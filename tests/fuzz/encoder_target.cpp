// A tokenizer.json, a zero byte, and a text for it; without that byte, a text of ours.
#include <algorithm>
#include <chrono>
#include <vector>

#include "core/utf8.hpp"
#include "fuzz.hpp"
#include "tokenizer/encoder.hpp"

void stockpot::fuzz::target(std::string_view input) {
  const auto end = input.find('\0');
  const std::string_view text =
      end == std::string_view::npos ? "It's 2048 wörds,\n 字 and <s>." : input.substr(end + 1);
  if (!is_utf8(text)) return;
  const tokenizer::TokenizerFile file(input.substr(0, end), "f");
  try {
    const tokenizer::Encoder encoder(file);
    std::vector<std::uint32_t> ids;
    encoder.encode(text, tokenizer::Deadline(std::chrono::seconds(5)), ids);
    const auto& tokens = file.tokens();
    for (const std::uint32_t id : ids) {
      require(std::ranges::binary_search(tokens, id, {}, &tokenizer::Token::id),
              "a text becomes tokens that there are");
    }
  } catch (const tokenizer::NotEncodable&) {  // of another kind, or too slow
  }
}
