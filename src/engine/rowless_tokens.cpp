#include "engine/rowless_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/first_few.hpp"
#include "io/config_edits.hpp"
#include "recipe/diagnostics.hpp"
#include "tokenizer/further_tokens.hpp"
#include "tokenizer/tokenizer_file.hpp"

namespace stockpot::engine {
namespace {

constexpr std::size_t most_shown = 5;

/// Looks for ids from `rows` on, file by file.
class Search {
 public:
  Search(const io::ModelFolder& output, std::uint64_t rows) : output_(output), rows_(rows) {}

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
    const auto text = output_.text(name);
    if (!text) return;
    std::vector<std::string> beyond;
    for (const io::NamedTokenId& named : io::named_token_ids(*text, name)) {
      if (named.id < rows_) continue;
      beyond.push_back(fmt::format("{} {}", named.key, named.id));
      named_.insert(named.id);
    }
    if (!beyond.empty()) found_.push_back(fmt::format("{} names {}", name, first_few(beyond, most_shown)));
  }

  void look_into_tokenizer() {
    const auto text = output_.text("tokenizer.json");
    if (!text) return;
    const auto further =
        tokenizer::further_tokens(output_.text("tokenizer_config.json"), output_.text("added_tokens.json"), "");
    const tokenizer::TokenizerFile file(*text, "tokenizer.json", further);
    std::vector<const tokenizer::Token*> tokens;
    std::ranges::copy_if(file.tokens(), std::back_inserter(tokens),
                         [&](const auto* token) { return token->id >= rows_; });
    std::ranges::stable_sort(tokens, {}, [&](const auto* token) { return rank_of(*token); });
    std::vector<std::string> shown;
    for (const auto* token : tokens) shown.push_back(fmt::format("{} ({})", recipe::in_quotes(token->text), token->id));
    if (shown.empty()) return;
    found_.push_back(fmt::format("the tokenizer has {} token{} with ids from {} on, {}", shown.size(),
                                 shown.size() == 1 ? "" : "s", rows_, first_few(shown, most_shown)));
  }

  /// What generation meets first comes first: tokens that a configuration names, then other special ones.
  int rank_of(const tokenizer::Token& token) const {
    if (named_.contains(token.id)) return 0;
    return token.added && token.added->special ? 1 : 2;
  }

  const io::ModelFolder& output_;
  std::uint64_t rows_;
  std::set<std::uint64_t> named_;
  std::vector<std::string> found_;
};

}  // namespace

std::optional<Remark> rowless_tokens(const io::ModelFolder& output, std::uint64_t rows) {
  const std::vector<std::string> found = Search(output, rows).run();
  if (found.empty()) return std::nullopt;
  Remark remark =
      remark_of(fmt::format("TOK013: the output's embedding has {} rows, and programs would index outside of it: {}",
                            rows, fmt::join(found, "; ")));
  remark.help = "'tokenizer: {source: base}', or '{source: union}', gives every token a row (docs/tokenizers.md)";
  return remark;
}

}  // namespace stockpot::engine
