#include "tokenizer/bpe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <tuple>

#include "tokenizer/json_members.hpp"
#include "tokenizer/not_encodable.hpp"

namespace stockpot::tokenizer {
namespace {

/// Bytes of the UTF-8 character that begins a text.
std::size_t character_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return std::min(bytes, text.size());
}

std::uint64_t pair_of(std::uint32_t left, std::uint32_t right) { return std::uint64_t{left} << 32 | right; }

}  // namespace

Bpe::Bpe(const TokenizerFile& file) : file_(file) {
  const JsonValue model = member(file.document(), "model");
  const auto dropout = find_member(model, "dropout");
  if (dropout && *dropout != "null" && *dropout != "0.0" && *dropout != "0") {
    throw NotEncodable("its merges are dropped at random");
  }
  prefix_ = text_member(model, "continuing_subword_prefix").value_or("");
  suffix_ = text_member(model, "end_of_word_suffix").value_or("");
  if (const auto unknown = text_member(model, "unk_token")) unknown_ = id_of(*unknown);
  fuses_unknown_ = member_flag(model, "fuse_unk", false);
  ignores_merges_ = member_flag(model, "ignore_merges", false);
  falls_back_ = member_flag(model, "byte_fallback", false);
  for (std::size_t byte = 0; byte < bytes_.size(); ++byte) bytes_[byte] = id_of(fmt::format("<0x{:02X}>", byte));
  read_rules();
}

std::optional<std::string> Bpe::text_member(JsonValue model, std::string_view key) const {
  const auto found = find_member(model, key);
  if (!found || *found == "null") return std::nullopt;
  return member_text(model, key);
}

std::optional<std::uint32_t> Bpe::id_of(std::string_view text) const {
  const Token* const token = file_.find(text);
  return token != nullptr && token->in_model ? std::optional(token->id) : std::nullopt;
}

void Bpe::read_rules() {
  std::uint32_t rank = 0;
  for (const JsonValue text : file_.merges()) {
    const TokenizerFile::Merge merge = file_.read_merge(text);
    const auto left = id_of(merge.left), right = id_of(merge.right), product = id_of(merge.product);
    if (!left || !right || !product) throw NotEncodable("a merge names or makes a token that its vocabulary lacks");
    rules_.push_back({pair_of(*left, *right), rank++, *product});
  }
  std::ranges::sort(rules_, [](const Rule& a, const Rule& b) {
    return std::tuple(a.pair, b.rank) < std::tuple(b.pair, a.rank);  // of equal pairs the last counts
  });
  const auto repeated = std::ranges::unique(rules_, {}, &Rule::pair);
  rules_.erase(repeated.begin(), repeated.end());
}

const Bpe::Rule* Bpe::rule_of(std::uint32_t left, std::uint32_t right) const {
  const std::uint64_t pair = pair_of(left, right);
  const auto at = std::ranges::lower_bound(rules_, pair, {}, &Rule::pair);
  return at != rules_.end() && at->pair == pair ? &*at : nullptr;
}

void Bpe::encode(std::string_view word, std::vector<std::uint32_t>& ids) const {
  if (word.empty()) return;
  if (ignores_merges_) {
    if (const auto whole = id_of(word)) return ids.push_back(*whole);
  }
  std::vector<Symbol> symbols;
  for (const std::uint32_t id : characters(word)) {
    const auto at = static_cast<std::int64_t>(symbols.size());
    symbols.push_back({id, at - 1, at + 1});
  }
  if (symbols.empty()) return;
  symbols.back().behind = -1;
  merge(symbols);
  for (const Symbol& symbol : symbols) {
    if (!symbol.gone) ids.push_back(symbol.id);
  }
}

std::vector<std::uint32_t> Bpe::characters(std::string_view word) const {
  std::vector<std::uint32_t> ids;
  bool unknown_before = false;
  for (std::string_view left = word; !left.empty();) {
    const std::string_view character = left.substr(0, character_bytes(left));
    std::string text = (left.size() < word.size() ? prefix_ : "") + std::string(character);
    left.remove_prefix(character.size());
    if (left.empty()) text += suffix_;
    const auto id = id_of(text);
    if (id || (falls_back_ && add_bytes(text, ids))) {
      if (id) ids.push_back(*id);
      unknown_before = false;
    } else if (unknown_) {
      if (!(fuses_unknown_ && unknown_before)) ids.push_back(*unknown_);
      unknown_before = true;
    }
  }
  return ids;
}

bool Bpe::add_bytes(std::string_view character, std::vector<std::uint32_t>& ids) const {
  const auto known = [&](char byte) { return bytes_[static_cast<unsigned char>(byte)].has_value(); };
  if (!std::ranges::all_of(character, known)) return false;
  for (const char byte : character) ids.push_back(*bytes_[static_cast<unsigned char>(byte)]);
  return true;
}

/// The pair of the lowest rank first, of equal ones the leftmost.
void Bpe::merge(std::vector<Symbol>& symbols) const {
  using Candidate = std::tuple<std::uint32_t, std::int64_t, std::uint32_t>;  // rank, place, product
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto symbol = [&](std::int64_t at) -> Symbol& { return symbols[static_cast<std::size_t>(at)]; };
  const auto propose = [&](std::int64_t left) {
    if (left < 0 || symbol(left).behind < 0) return;
    const Rule* const rule = rule_of(symbol(left).id, symbol(symbol(left).behind).id);
    if (rule != nullptr) queue.emplace(rule->rank, left, rule->product);
  };
  for (std::size_t s = 0; s + 1 < symbols.size(); ++s) propose(static_cast<std::int64_t>(s));
  while (!queue.empty()) {
    const auto [rank, at, product] = queue.top();
    queue.pop();
    Symbol& left = symbol(at);
    if (left.gone || left.behind < 0) continue;
    Symbol& right = symbol(left.behind);
    const Rule* const rule = rule_of(left.id, right.id);
    if (rule == nullptr || rule->product != product) continue;  // a neighbour has changed since
    left.id = product;
    left.behind = right.behind;
    right.gone = true;
    if (left.behind >= 0) symbol(left.behind).before = at;
    propose(left.before);
    propose(at);
  }
}

}  // namespace stockpot::tokenizer
