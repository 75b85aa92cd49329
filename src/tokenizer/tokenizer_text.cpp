#include "tokenizer/tokenizer_text.hpp"

#include <fmt/format.h>

#include <iterator>

#include "core/error.hpp"

namespace stockpot::tokenizer {
namespace {

/// Joins pieces of a list or an object.
class Pieces {
 public:
  void add(std::string_view piece) {
    if (!text_.empty()) text_ += ',';
    text_ += piece;
  }
  std::string in(char open, char close) const { return open + text_ + close; }

 private:
  std::string text_;
};

std::string entry(const OutputToken& token) {
  const TokenFlags& f = *token.added;
  return fmt::format(
      R"({{"id":{},"content":{},"single_word":{},"lstrip":{},"rstrip":{},"normalized":{},"special":{}}})", token.id,
      json_string(token.text), f.single_word, f.lstrip, f.rstrip, f.normalized, f.special);
}

/// An entry of the donor's list of added tokens with the id that counts; "" if the token is left out.
std::string corrected_entry(JsonValue source, const OutputTokens& tokens) {
  const Token* const token = tokens.donor().find(text_of(*find_member(source, "content")));
  if (token == nullptr || !tokens.keeps(*token)) return "";
  const JsonValue id = *find_member(source, "id");
  if (unsigned_of(id) == token->id) return std::string(source);
  return replaced(source, {{id, std::to_string(token->id)}});
}

/// The list of added tokens, or nothing if the donor's is right.
std::optional<std::string> added_list(const OutputTokens& tokens) {
  bool changed = false;
  Pieces list;
  if (tokens.donor().added_list()) {
    for_each_element(*tokens.donor().added_list(), [&](JsonValue source) {
      const std::string corrected = corrected_entry(source, tokens);
      changed |= corrected != source;
      if (!corrected.empty()) list.add(corrected);
    });
  }
  for (std::size_t i = tokens.from_donor(); i < tokens.all().size(); ++i) {
    list.add(entry(tokens.all()[i]));
    changed = true;
  }
  if (!changed) return std::nullopt;
  return list.in('[', ']');
}

/// Entries that a vocabulary (an object) must have besides the donor's, so that it has the ids 0 ... n - 1.
struct Filling {
  Pieces entries;
  bool empty = true;

  void add(std::string_view text, std::uint64_t id) {
    entries.add(fmt::format("{}:{}", json_string(text), id));
    empty = false;
  }
};

/// A text for an entry that stands for no token.
std::string unused_text(std::uint64_t id, const OutputTokens& tokens) {
  std::string text = fmt::format("<|stockpot_unused_{}|>", id);
  while (tokens.find(text)) text += '_';
  return text;
}

/// Added tokens that follow the model's vocabulary without a gap, to the very end, need no entry there: n is where they
/// begin.
std::size_t tokens_below_tail(const OutputTokens& tokens) {
  const auto& all = tokens.all();
  std::size_t count = all.size();
  while (count > 0 && !all[count - 1].in_model && (count == all.size() || all[count - 1].id + 1 == all[count].id)) {
    --count;
  }
  return count;
}

/// One pass over the ids below n.
void fill(const OutputTokens& tokens, Filling& into) {
  const auto& all = tokens.all();
  const std::size_t count = tokens_below_tail(tokens);
  const std::uint64_t n = count < all.size() ? all[count].id : tokens.end();
  std::uint64_t id = 0;
  for (std::size_t i = 0; i < count; ++i, ++id) {
    for (; id < all[i].id; ++id) into.add(unused_text(id, tokens), id);
    if (!all[i].in_model) into.add(all[i].text, id);
  }
  for (; id < n; ++id) into.add(unused_text(id, tokens), id);
}

/// The model's vocabulary, or nothing if the donor's is right.
std::optional<std::string> vocabulary(const OutputTokens& tokens) {
  const TokenizerFile& donor = tokens.donor();
  if (donor.type() == TokenizerType::unigram) return std::nullopt;  // a list: no gaps, and never stripped
  Filling filling;
  fill(tokens, filling);
  if (filling.empty && !tokens.stripped()) return std::nullopt;
  Pieces entries;
  for_each_member(donor.vocabulary(), [&](const JsonMember& member) {
    const Token& token = *donor.find(member.key);
    const bool counts = unsigned_of(member.value) == token.id;  // of a repeated key, the last
    if (counts && tokens.keeps(token)) entries.add(json_string(member.key) + ":" + std::string(member.value));
  });
  if (!filling.empty) {
    const std::string more = filling.entries.in('{', '}');
    entries.add(std::string_view(more).substr(1, more.size() - 2));
  }
  return entries.in('{', '}');
}

std::string kept_merges(const OutputTokens& tokens) {
  Pieces list;
  for (const JsonValue merge : tokens.donor().merges()) {
    const auto keep = [&](const Token& token) { return tokens.keeps(token); };
    if (tokens.donor().merges_tokens(merge, keep)) list.add(merge);
  }
  return list.in('[', ']');
}

std::string decoder(const OutputTokens& tokens) {
  Pieces entries;
  for (const OutputToken& token : tokens.all()) {
    if (!token.added) continue;
    const TokenFlags& f = *token.added;
    entries.add(
        fmt::format(R"("{}":{{"content":{},"lstrip":{},"normalized":{},"rstrip":{},"single_word":{},"special":{}}})",
                    token.id, json_string(token.text), f.lstrip, f.normalized, f.rstrip, f.single_word, f.special));
  }
  return entries.in('{', '}');
}

}  // namespace

TokenizerText tokenizer_text(const OutputTokens& tokens) {
  const TokenizerFile& donor = tokens.donor();
  const JsonValue document = donor.document();
  std::vector<Replacement> changes;
  if (auto list = added_list(tokens)) {
    if (donor.added_list()) {
      changes.push_back({*donor.added_list(), std::move(*list)});
    } else {
      changes.push_back({document.substr(1, 0), R"("added_tokens":)" + *list + ","});  // the model follows somewhere
    }
  }
  if (auto entries = vocabulary(tokens)) changes.push_back({donor.vocabulary(), std::move(*entries)});
  if (tokens.stripped()) changes.push_back({donor.merge_list(), kept_merges(tokens)});
  if (changes.empty()) return {std::string(donor.text()), false};
  return {indented_like(donor.text(), replaced(document, std::move(changes))), true};
}

std::string tokenizer_config_text(std::string_view config, const OutputTokens& tokens, std::string_view path) {
  const JsonValue document = check_json(config, path);
  if (!is_object(document)) {
    throw Error(ErrorKind::corrupt_input, "the tokenizer's configuration is not a JSON object")
        .code("FMT022")
        .in_file(path);
  }
  const auto old = find_member(document, "added_tokens_decoder");
  if (!old) return std::string(config);
  return indented_like(config, replaced(document, {{*old, decoder(tokens)}}));
}

}  // namespace stockpot::tokenizer
