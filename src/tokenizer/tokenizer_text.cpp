#include "tokenizer/tokenizer_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

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

/// An entry of the donor's list of added tokens with the id that counts.
std::string corrected_entry(JsonValue source, const Token& token) {
  const JsonValue id = *find_member(source, "id");
  return unsigned_of(id) == token.id ? std::string(source) : replaced(source, {{id, std::to_string(token.id)}});
}

/// An entry of the list, whose token has an id by its place in it unless the model's vocabulary has the token.
struct ListEntry {
  std::string json;
  std::uint32_t id = 0;
  bool in_model = false;
};

/// @return false if it is not the donor's list as it stands.
bool take_donors_list(const OutputTokens& tokens, std::vector<ListEntry>& list) {
  bool same = true;
  for_each_element(*tokens.donor().added_list(), [&](JsonValue source) {
    const Token* const token = tokens.donor().find(text_of(*find_member(source, "content")));
    if (token == nullptr || !tokens.keeps(*token)) {
      same = false;
      return;
    }
    list.push_back({corrected_entry(source, *token), token->id, token->in_model});
    same = same && list.back().json == source;
  });
  return same;
}

/// Ids that are written and not the library's need not ascend in the donor's list.
bool sort_list(std::vector<ListEntry>& list) {
  std::uint32_t last = 0;
  const bool ascending = std::ranges::all_of(
      list, [&](const ListEntry& entry) { return entry.in_model || std::exchange(last, entry.id) <= entry.id; });
  if (!ascending) std::ranges::stable_sort(list, {}, &ListEntry::id);
  return !ascending;
}

/// The list of added tokens, or nothing if the donor's is right.
std::optional<std::string> added_list(const OutputTokens& tokens) {
  std::vector<ListEntry> list;
  bool changed = tokens.donor().added_list() && !take_donors_list(tokens, list);
  for (const OutputToken& token : tokens.all()) {
    if (!token.added || token.listed) continue;
    list.push_back({entry(token), token.id, token.in_model});
    changed = true;
  }
  changed = sort_list(list) || changed;
  if (!changed) return std::nullopt;
  Pieces pieces;
  for (const ListEntry& entry : list) pieces.add(entry.json);
  return pieces.in('[', ']');
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

std::string tokenizer_config_text(std::string_view config, const OutputTokens& tokens, bool without_model_file,
                                  std::string_view path) {
  const JsonValue document = check_configuration(config, path);
  if (!is_object(document)) {
    throw Error(ErrorKind::corrupt_input, "the tokenizer's configuration is not a JSON object")
        .code("FMT022")
        .in_file(path);
  }
  bool changed = false;
  Pieces members;
  for_each_member(document, [&](const JsonMember& member) {
    const bool remade = member.key == "added_tokens_decoder";
    const bool dropped = without_model_file && member.key == "add_prefix_space";
    changed = changed || remade || dropped;
    if (!dropped) members.add(json_string(member.key) + ":" + (remade ? decoder(tokens) : std::string(member.value)));
  });
  return changed ? indented_like(config, members.in('{', '}')) : std::string(config);
}

}  // namespace stockpot::tokenizer
