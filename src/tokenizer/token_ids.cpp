#include "tokenizer/token_ids.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"

namespace stockpot::tokenizer {
namespace {

using Pair = std::pair<const Token*, const Token*>;

std::string shown(const Token& token) { return printable(std::string_view(token.text).substr(0, 100)); }

std::optional<Pair> sort_by_id(std::vector<const Token*>& tokens) {
  std::ranges::stable_sort(tokens, {}, &Token::id);
  const auto same = std::ranges::adjacent_find(tokens, {}, &Token::id);
  return same == tokens.end() ? std::nullopt : std::optional(Pair{*same, *std::next(same)});
}

void warn_of_renumbered(std::span<const WrittenId> written, std::vector<std::string>& warnings) {
  const auto differs = [](const WrittenId& entry) { return entry.token->id != entry.id; };
  const auto first = std::ranges::find_if(written, differs);
  if (first == written.end()) return;
  const auto more = std::count_if(std::next(first), written.end(), differs);
  warnings.push_back(
      fmt::format("added token '{}' is written with id {} but gets id {} when the file is loaded{}: the id that "
                  "programs which load it use counts",
                  shown(*first->token), first->id, first->token->id,
                  more == 0 ? std::string() : fmt::format(", and {} more are renumbered likewise", more)));
}

/// @return false if written ids are of other tokens, too; then nothing has changed.
bool take_written(std::vector<const Token*>& tokens, std::span<const WrittenId> written,
                  std::vector<std::string>& warnings) {
  std::vector<std::uint32_t> before;
  for (const WrittenId& entry : written) before.push_back(entry.token->id);
  const Token* first = nullptr;
  for (std::size_t i = written.size(); i-- > 0;) {  // of a token that is listed twice the first id stays
    Token& token = *written[i].token;
    if (token.in_model) continue;
    token.id = written[i].id;
    if (token.id != before[i]) first = &token;
  }
  if (!sort_by_id(tokens)) {
    warnings.push_back(
        fmt::format("the vocabulary has holes, so that added tokens such as '{}' would get ids of other tokens "
                    "when the file is loaded: the ids that are written count",
                    shown(*first)));
    return true;
  }
  for (std::size_t i = 0; i < written.size(); ++i) written[i].token->id = before[i];
  return false;
}

}  // namespace

std::optional<Pair> settle_ids(std::vector<const Token*>& tokens, std::span<const WrittenId> written,
                               std::vector<std::string>& warnings) {
  if (sort_by_id(tokens) && !take_written(tokens, written, warnings)) return sort_by_id(tokens);
  warn_of_renumbered(written, warnings);
  return std::nullopt;
}

}  // namespace stockpot::tokenizer
