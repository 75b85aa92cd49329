#include "tokenizer/output_tokens.hpp"

namespace stockpot::tokenizer {
namespace {

OutputToken output_token(const Token& token) {
  return {.text = token.text, .id = token.id, .in_model = token.in_model, .added = token.added};
}

}  // namespace

OutputTokens::OutputTokens(const TokenizerFile& donor, std::uint64_t limit) : donor_(&donor), limit_(limit) {
  for (const Token* token : donor.tokens()) {
    if (keeps(*token)) tokens_.push_back(output_token(*token));
  }
  from_donor_ = tokens_.size();
}

std::optional<OutputToken> OutputTokens::find(std::string_view text) const {
  const Token* const of_donor = donor_->find(text);
  if (of_donor != nullptr && keeps(*of_donor)) return output_token(*of_donor);
  const auto appended = appended_.find(text);
  if (appended == appended_.end()) return std::nullopt;
  return tokens_[appended->second];
}

void OutputTokens::append(std::string_view text, const TokenFlags& flags) {
  appended_.emplace(text, tokens_.size());
  tokens_.push_back({.text = text, .id = static_cast<std::uint32_t>(end()), .added = flags});
}

}  // namespace stockpot::tokenizer
