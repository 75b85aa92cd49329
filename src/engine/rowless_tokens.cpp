#include "engine/rowless_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "io/config_edits.hpp"
#include "recipe/diagnostics.hpp"
#include "tokenizer/further_tokens.hpp"
#include "tokenizer/tokenizer_file.hpp"

namespace stockpot::engine {
namespace {

constexpr std::size_t most_shown = 5;

std::optional<std::string> text_of(const io::Companions& companions, std::string_view name) {
  const auto file = std::ranges::find(companions.files, name, &io::SmallFile::name);
  return file == companions.files.end() ? std::nullopt : std::optional(io::content_of(*file));
}

/// "a, b and 3 more"
std::string first_few(const std::vector<std::string>& all) {
  const std::size_t shown = std::min(all.size(), most_shown);
  const std::string list =
      fmt::format("{}", fmt::join(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  return shown == all.size() ? list : fmt::format("{} and {} more", list, all.size() - shown);
}

/// Looks for ids from `rows` on, file by file.
class Search {
 public:
  Search(const io::Companions& companions, std::uint64_t rows) : companions_(companions), rows_(rows) {}

  std::vector<std::string> run() {
    for (const char* name : {"config.json", "generation_config.json"}) {
      pass_over_unreadable([&] { look_into_config(name); });
    }
    pass_over_unreadable([&] { look_into_tokenizer(); });
    return std::move(found_);
  }

 private:
  template <class Look>
  static void pass_over_unreadable(const Look& look) {
    try {
      look();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt_input) throw;
    }
  }

  void look_into_config(const std::string& name) {
    const auto text = text_of(companions_, name);
    if (!text) return;
    std::vector<std::string> beyond;
    for (const io::NamedTokenId& named : io::named_token_ids(*text, name)) {
      if (named.id < rows_) continue;
      beyond.push_back(fmt::format("{} {}", named.key, named.id));
      named_.insert(named.id);
    }
    if (!beyond.empty()) found_.push_back(fmt::format("{} names {}", name, first_few(beyond)));
  }

  void look_into_tokenizer() {
    const auto text = text_of(companions_, "tokenizer.json");
    if (!text) return;
    const auto further = tokenizer::further_tokens(text_of(companions_, "tokenizer_config.json"),
                                                   text_of(companions_, "added_tokens.json"), "");
    const tokenizer::TokenizerFile file(*text, "tokenizer.json", further);
    std::vector<const tokenizer::Token*> tokens;
    std::ranges::copy_if(file.tokens(), std::back_inserter(tokens),
                         [&](const auto* token) { return token->id >= rows_; });
    std::ranges::stable_sort(tokens, {}, [&](const auto* token) { return rank_of(*token); });
    std::vector<std::string> shown;
    for (const auto* token : tokens) shown.push_back(fmt::format("{} ({})", recipe::in_quotes(token->text), token->id));
    if (shown.empty()) return;
    found_.push_back(fmt::format("the tokenizer has {} token{} with ids from {} on, {}", shown.size(),
                                 shown.size() == 1 ? "" : "s", rows_, first_few(shown)));
  }

  /// What generation meets first comes first: tokens that a configuration names, then other special ones.
  int rank_of(const tokenizer::Token& token) const {
    if (named_.contains(token.id)) return 0;
    return token.added && token.added->special ? 1 : 2;
  }

  const io::Companions& companions_;
  std::uint64_t rows_;
  std::set<std::uint64_t> named_;
  std::vector<std::string> found_;
};

}  // namespace

std::optional<Remark> rowless_tokens(const io::Companions& companions, std::uint64_t rows) {
  const std::vector<std::string> found = Search(companions, rows).run();
  if (found.empty()) return std::nullopt;
  Remark remark =
      remark_of(fmt::format("TOK013: the output's embedding has {} rows, and programs would index outside of it: {}",
                            rows, fmt::join(found, "; ")));
  remark.help = "'tokenizer: {source: base}', or '{source: union}', gives every token a row (docs/tokenizers.md)";
  return remark;
}

}  // namespace stockpot::engine
