#include "core/prompt_tokens.hpp"

#include "core/bytes.hpp"

namespace stockpot {
namespace {

void write(const std::vector<PromptTokens::Token>& tokens, ByteWriter& out) {
  out.number(tokens.size());
  for (const PromptTokens::Token& token : tokens) {
    out.number(token.id);
    out.number(token.count);
  }
}

std::vector<PromptTokens::Token> read(ByteReader& in) {
  std::vector<PromptTokens::Token> tokens(in.number());
  for (PromptTokens::Token& token : tokens) {
    token.id = in.number();
    token.count = in.number();
  }
  return tokens;
}

}  // namespace

std::string PromptTokens::pack() const {
  ByteWriter out;
  for (const Row& row : rows) {
    write(row.positive, out);
    write(row.negative, out);
  }
  return out.take();
}

PromptTokens PromptTokens::unpack(std::string_view packed) {
  PromptTokens tokens;
  ByteReader in(packed);
  while (!in.done()) {
    Row row;
    row.positive = read(in);
    row.negative = read(in);
    tokens.rows.push_back(std::move(row));
  }
  return tokens;
}

}  // namespace stockpot
