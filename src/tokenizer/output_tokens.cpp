#include "tokenizer/output_tokens.hpp"

#include <algorithm>

namespace stockpot::tokenizer {
namespace {

OutputToken output_token(const Token& token) {
  return {.text = token.text, .id = token.id, .in_model = token.in_model, .added = token.added, .listed = token.listed};
}

}  // namespace

OutputTokens::OutputTokens(const TokenizerFile& donor, std::uint64_t limit) : donor_(&donor), limit_(limit) {
  for (const Token* token : donor.tokens()) {
    if (keeps(*token)) tokens_.push_back(output_token(*token));
  }
  from_donor_ = tokens_.size();
}

std::optional<std::size_t> OutputTokens::place_of(std::string_view text) const {
  const Token* const of_donor = donor_->find(text);
  if (of_donor != nullptr && keeps(*of_donor)) {
    const auto end = tokens_.begin() + static_cast<std::ptrdiff_t>(from_donor_);
    const auto at = std::ranges::lower_bound(tokens_.begin(), end, of_donor->id, {}, &OutputToken::id);
    return static_cast<std::size_t>(at - tokens_.begin());
  }
  const auto appended = appended_.find(text);
  return appended == appended_.end() ? std::nullopt : std::optional(appended->second);
}

std::optional<OutputToken> OutputTokens::find(std::string_view text) const {
  const auto place = place_of(text);
  return place ? std::optional(tokens_[*place]) : std::nullopt;
}

void OutputTokens::promote(std::string_view text, const TokenFlags& flags) {
  tokens_[place_of(text).value()].added = flags;
}

void OutputTokens::append(std::string_view text, const TokenFlags& flags) {
  appended_.emplace(text, tokens_.size());
  tokens_.push_back({.text = text, .id = static_cast<std::uint32_t>(end()), .added = flags});
}

}  // namespace stockpot::tokenizer
