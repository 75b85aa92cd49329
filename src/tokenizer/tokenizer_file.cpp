#include "tokenizer/tokenizer_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "tokenizer/token_ids.hpp"

namespace stockpot::tokenizer {
namespace {

constexpr std::size_t max_tokens = 2'000'000;
constexpr std::uint64_t ids_end = std::uint64_t{1} << 31;
constexpr std::size_t max_bucket = 64;  // no honest vocabulary comes near; a made one could make every look-up slow

constexpr std::array<std::pair<std::string_view, TokenizerType>, 4> types{{{"BPE", TokenizerType::bpe},
                                                                           {"Unigram", TokenizerType::unigram},
                                                                           {"WordPiece", TokenizerType::word_piece},
                                                                           {"WordLevel", TokenizerType::word_level}}};

std::string shown(std::string_view text) { return printable(text.substr(0, 100)); }

}  // namespace

/// Fills a TokenizerFile.
class TokenizerReader {
 public:
  explicit TokenizerReader(TokenizerFile& file) : file_(file) {}

  void read(std::span<const FurtherToken> further) {
    file_.document_ = check_json(file_.text_, file_.path_);
    if (!is_object(file_.document_)) refuse("FMT022", "the tokenizer is not a JSON object");
    const auto model = find_member(file_.document_, "model");
    if (!model || !is_object(*model)) refuse("FMT022", "the tokenizer has no object 'model'");
    read_model(*model);
    file_.added_list_ = find_member(file_.document_, "added_tokens");
    if (file_.added_list_) read_added(*file_.added_list_);
    order();
    add_further(further);
    if (file_.type_ == TokenizerType::bpe) read_merges();
  }

 private:
  [[noreturn]] void refuse(std::string_view code, const std::string& sentence) const {
    throw Error(ErrorKind::corrupt_input, sentence).code(code).in_file(file_.path_);
  }

  void read_model(JsonValue model) {
    const auto vocabulary = find_member(model, "vocab");
    if (!vocabulary) refuse("FMT022", "the tokenizer's model has no 'vocab'");
    file_.vocabulary_ = *vocabulary;
    file_.type_ = type_of(model);
    const bool list = file_.type_ == TokenizerType::unigram;
    if (list ? !is_array(*vocabulary) : !is_object(*vocabulary)) {
      refuse("FMT022", "the tokenizer's 'vocab' is of another kind than its type asks for");
    }
    list ? read_vocabulary_list() : read_vocabulary_object();
    if (file_.type_ != TokenizerType::bpe) return;
    file_.merge_list_ = find_member(model, "merges").value_or("");
    if (!is_array(file_.merge_list_)) refuse("FMT022", "the tokenizer's 'merges' are no list");
    const auto prefix = find_member(model, "continuing_subword_prefix");
    if (prefix && is_text(*prefix)) file_.continuing_prefix_ = text_of(*prefix);
  }

  /// Files of the first versions leave the type out.
  TokenizerType type_of(JsonValue model) const {
    const auto type = find_member(model, "type");
    if (!type) {
      if (find_member(model, "merges")) return TokenizerType::bpe;
      if (is_array(file_.vocabulary_)) return TokenizerType::unigram;
      return find_member(model, "max_input_chars_per_word") ? TokenizerType::word_piece : TokenizerType::word_level;
    }
    for (const auto& [name, value] : types) {
      if (is_text(*type) && text_of(*type) == name) return value;
    }
    refuse("FMT022", fmt::format("the tokenizer is of an unknown type: {}", shown(*type)));
  }

  void read_vocabulary_object() {
    for_each_member(file_.vocabulary_, [&](JsonMember member) {
      const auto id = unsigned_of(member.value);
      if (!id || *id >= ids_end) {
        refuse("TOK005", fmt::format("token '{}' has no id below 2^31 but {}", shown(member.key), shown(member.value)));
      }
      const bool repeated = !add_entry(std::move(member.key), static_cast<std::uint32_t>(*id));
      repeated_ += repeated ? 1 : 0;
    });
    file_.model_entries_ = file_.storage_.size();
    warn_of_repeated();
  }

  void read_vocabulary_list() {
    std::uint32_t position = 0;
    for_each_element(file_.vocabulary_, [&](JsonValue entry) {
      JsonValue text, score;
      std::size_t parts = 0;
      if (is_array(entry)) {
        for_each_element(entry, [&](JsonValue part) { (parts++ == 0 ? text : score) = part; });
      }
      if (parts != 2 || !is_text(text)) {
        refuse("FMT022", fmt::format("entry {} of the tokenizer's 'vocab' is not a token and its score", position));
      }
      if (position == max_tokens) refuse_size();
      const bool repeated = !add_entry(text_of(text), position++);
      repeated_ += repeated ? 1 : 0;
    });
    file_.model_entries_ = position;
    warn_of_repeated();
  }

  /// @return false if the text was there already; its last id counts.
  bool add_entry(std::string text, std::uint32_t id) {
    const auto known = file_.by_text_.find(text);
    if (known != file_.by_text_.end()) {
      known->second->id = id;
      return false;
    }
    add({.text = std::move(text), .id = id, .in_model = true});
    return true;
  }

  void add(Token token) {
    if (file_.storage_.size() == max_tokens) refuse_size();
    Token& kept = file_.storage_.emplace_back(std::move(token));
    auto& index = file_.by_text_;
    index.emplace(kept.text, &kept);
    if (index.bucket_size(index.bucket(kept.text)) > max_bucket) {
      refuse("FMT005", "the tokens' texts are made to be slow to look up");
    }
  }

  [[noreturn]] void refuse_size() const {
    refuse("FMT005", fmt::format("the tokenizer has more than {} tokens", max_tokens));
  }

  void warn_of_repeated() {
    if (repeated_ == 0) return;
    file_.warnings_.push_back(
        fmt::format("the vocabulary names {} token(s) more than once: the last id of each counts", repeated_));
  }

  void read_added(JsonValue list) {
    if (!is_array(list)) refuse("FMT022", "the tokenizer's 'added_tokens' are no list");
    std::uint64_t next = file_.model_entries_;
    for_each_element(list, [&](JsonValue entry) { read_added_token(entry, next); });
  }

  void read_added_token(JsonValue entry, std::uint64_t& next) {
    const JsonValue content = is_object(entry) ? find_member(entry, "content").value_or("") : "";
    if (!is_text(content)) refuse("FMT022", "an entry of 'added_tokens' has no text 'content'");
    std::string text = text_of(content);
    const auto written = unsigned_of(find_member(entry, "id").value_or(""));
    if (!written || *written >= ids_end) {
      refuse("TOK005", fmt::format("added token '{}' has no id below 2^31", shown(text)));
    }
    const TokenFlags flags = read_flags(entry, text);
    if (text.empty()) return;
    const auto known = file_.by_text_.find(text);
    if (known != file_.by_text_.end()) {
      known->second->added = flags;
      known->second->listed = true;
      written_.push_back({known->second, static_cast<std::uint32_t>(*written)});
      return;
    }
    add({.text = std::move(text), .id = static_cast<std::uint32_t>(next++), .added = flags, .listed = true});
    written_.push_back({&file_.storage_.back(), static_cast<std::uint32_t>(*written)});
  }

  TokenFlags read_flags(JsonValue entry, const std::string& text) const {
    const auto flag = [&](std::string_view name) {
      const auto value = find_member(entry, name);
      if (value == "true") return true;
      if (value == "false") return false;
      refuse("FMT022", fmt::format("'{}' of the added token '{}' is neither true nor false", name, shown(text)));
    };
    return {flag("single_word"), flag("lstrip"), flag("rstrip"), flag("normalized"), flag("special")};
  }

  void order() {
    for (const Token& token : file_.storage_) file_.ascending_.push_back(&token);
    const auto same = settle_ids(file_.ascending_, written_, file_.warnings_);
    if (!same) return;
    const auto& [one, other] = *same;
    refuse("TOK005",
           fmt::format("tokens '{}' and '{}' both have id {}", shown(one->text), shown(other->text), one->id));
  }

  /// Programs give these the ids that follow: where that is not what is written, nobody knows which row is meant.
  void add_further(std::span<const FurtherToken> further) {
    std::size_t left_out = 0;
    const FurtherToken* first = nullptr;
    for (const FurtherToken& token : further) {
      if (token.text.empty() || file_.find(token.text) != nullptr) continue;
      if (!file_.ascending_.empty() && token.id != file_.ascending_.back()->id + 1) {
        if (left_out++ == 0) first = &token;
        continue;
      }
      add({.text = token.text, .id = token.id, .added = token.flags});
      file_.ascending_.push_back(&file_.storage_.back());
    }
    if (first == nullptr) return;
    file_.warnings_.push_back(
        fmt::format("added token '{}', which another file names with id {}, does not follow the tokens "
                    "of this one and is left out{}",
                    shown(first->text), first->id,
                    left_out == 1 ? std::string() : fmt::format(", and so are {} more", left_out - 1)));
  }

  void read_merges() {
    std::size_t unknown = 0;
    std::string_view first;
    for_each_element(file_.merge_list_, [&](JsonValue merge) {
      file_.merges_.push_back(merge);
      if (file_.merges_tokens(merge, [](const Token&) { return true; })) return;
      if (unknown++ == 0) first = merge;
    });
    if (unknown == 0) return;
    file_.warnings_.push_back(fmt::format(
        "{} merge(s) name or make tokens that the vocabulary lacks, the first is {}: programs may refuse to "
        "load such a tokenizer",
        unknown, shown(first)));
  }

  TokenizerFile& file_;
  std::size_t repeated_ = 0;
  std::vector<WrittenId> written_;  // of added tokens, in the order of the list
};

TokenizerFile::TokenizerFile(std::string_view text, std::string path, std::span<const FurtherToken> further)
    : text_(text), path_(std::move(path)) {
  TokenizerReader(*this).read(further);
}

const Token* TokenizerFile::find(std::string_view text) const {
  const auto found = by_text_.find(text);
  return found == by_text_.end() ? nullptr : found->second;
}

TokenizerFile::Merge TokenizerFile::read_merge(JsonValue merge) const {
  std::vector<std::string> parts;
  if (is_array(merge)) {
    for_each_element(merge, [&](JsonValue part) { parts.push_back(is_text(part) ? text_of(part) : ""); });
  } else if (is_text(merge)) {
    const std::string text = text_of(merge);
    const std::size_t space = text.find(' ');
    if (space != text.npos && space == text.rfind(' ')) parts = {text.substr(0, space), text.substr(space + 1)};
  }
  if (parts.size() != 2) {
    throw Error(ErrorKind::corrupt_input, fmt::format("a merge is no pair of tokens: {}", shown(merge)))
        .code("FMT022")
        .in_file(path_);
  }
  const bool continues = parts[1].starts_with(continuing_prefix_);
  return {parts[0], parts[1], parts[0] + parts[1].substr(continues ? continuing_prefix_.size() : 0)};
}

}  // namespace stockpot::tokenizer
