#include "recipe/tokenizer_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "recipe/fields.hpp"
#include "recipe/number.hpp"

namespace stockpot::recipe {
namespace {

// Vocabularies are counted in 32 bits everywhere; a larger multiple could only be a slip.
constexpr std::uint64_t largest_multiple = std::uint64_t{1} << 31;

bool is_word(const Node& node, std::string_view word) { return node.is_scalar() && node.text == word; }

/// Without "model:", which older recipes have before a model here.
Node without_old_prefix(Node node) {
  if (node.is_scalar() && node.text.starts_with(tokenizer_model_prefix))
    node.text.erase(0, tokenizer_model_prefix.size());
  return node;
}

/// "union", "base" or a model. A model of such a name is written as a mapping.
bool read_source(const Node& node, TokenizerRequest& request, Diagnostics& diagnostics) {
  if (is_word(node, "union") || is_word(node, "base")) {
    request.source = node.text == "union" ? TokenizerRequest::Source::union_of_all : TokenizerRequest::Source::base;
    return true;
  }
  request.source = TokenizerRequest::Source::model;
  request.model = read_model_reference(without_old_prefix(node), diagnostics);
  return request.model.has_value();
}

/// 0 is none.
std::uint64_t read_multiple(const Node& node, Diagnostics& diagnostics) {
  const ReadNumber number = node.is_scalar() ? read_number(node.text, node.quoted) : ReadNumber{};
  if (number.kind == ReadNumber::Kind::number && number.value < 0.0) {
    report(diagnostics, "TOK020", node, fmt::format("a vocabulary cannot be padded to multiples of {}", node.text),
           "write a positive number, or 0 for no padding");
    return 1;
  }
  const std::uint64_t multiple = read_whole_number(node, diagnostics).value_or(1);
  if (multiple > largest_multiple) {
    report(diagnostics, "TOK020", node, fmt::format("{} is too large for a vocabulary", in_quotes(node.text)));
    return 1;
  }
  return multiple == 0 ? 1 : multiple;
}

/// {kind: model_token, model: M, token: TEXT} or {..., token_id: ID}
bool read_model_token(const Node& node, const Fields& fields, TokenRequest& token, Diagnostics& diagnostics) {
  token.source = TokenRequest::Source::model_token;
  const Node* const model = fields.require("model");
  if (model != nullptr) token.model = read_model_reference(*model, diagnostics);
  const Node* const text = fields.find("token");
  const Node* const id = fields.find("token_id");
  if (text != nullptr) token.token = read_text(*text, diagnostics);
  if (id != nullptr) token.token_id = read_whole_number(*id, diagnostics);
  if ((text != nullptr) == (id != nullptr)) {
    report(diagnostics, "TOK031", node,
           text != nullptr ? "'token' and 'token_id' are both given" : "neither 'token' nor 'token_id' is given",
           "give exactly one of them: the token's text, or its number in that model");
    return false;
  }
  return token.model && token.token.has_value() != token.token_id.has_value();
}

/// A model, or a mapping with `kind`.
bool read_token_source(const Node& node, TokenRequest& token, Diagnostics& diagnostics) {
  const auto members = node.is_mapping() ? node.members() : std::vector<Node::Member>{};
  const bool has_kind =
      std::any_of(members.begin(), members.end(), [](const Node::Member& member) { return member.key == "kind"; });
  if (!has_kind) {
    token.source = TokenRequest::Source::model;
    token.model = read_model_reference(node, diagnostics);
    return token.model.has_value();
  }
  const Fields fields(node, {"kind", "model", "token", "token_id"}, diagnostics);
  const Node* const kind = fields.require("kind");
  const auto choice = kind != nullptr ? read_choice(*kind, {"zero", "model_token"}, diagnostics) : std::nullopt;
  if (!choice) return false;
  if (*choice == 1) return read_model_token(node, fields, token, diagnostics);
  token.source = TokenRequest::Source::zero;
  for (const char* key : {"model", "token", "token_id"}) {
    if (fields.find(key) != nullptr)
      diagnostics.warn("CFG007", fields.key_at(key), fmt::format("'{}' has no effect with 'kind: zero'", key));
  }
  return true;
}

/// {source: ..., force: ...}; nothing at all says as little as {}.
std::optional<TokenRequest> read_token(const Node::Member& member, Diagnostics& diagnostics) {
  TokenRequest token{.text = member.key, .at = member.key_at};
  if (member.key.empty()) {
    diagnostics.error("CFG020", member.key_at, "a token cannot be an empty text");
    return std::nullopt;
  }
  if (member.value.is_null()) return token;
  const Fields fields(member.value, {"source", "force"}, diagnostics, Severity::warning, "source");
  bool valid = member.value.is_mapping();
  if (const Node* value = fields.find("force")) token.force = read_boolean(*value, diagnostics).value_or(false);
  if (const Node* value = fields.find("source")) valid &= read_token_source(*value, token, diagnostics);
  return valid ? std::optional(std::move(token)) : std::nullopt;
}

void read_tokens(const Node& node, TokenizerRequest& request, Diagnostics& diagnostics) {
  if (!node.is_mapping()) {
    report(diagnostics, "CFG020", node, fmt::format("expected a mapping of tokens, found {}", node.kind_name()));
    return;
  }
  for (const Node::Member& member : node.members()) {
    if (auto token = read_token(member, diagnostics)) request.tokens.push_back(std::move(*token));
  }
}

}  // namespace

std::optional<TokenizerRequest> read_tokenizer(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"source", "tokens", "pad_to_multiple_of"}, diagnostics, Severity::warning, "source");
  if (!node.is_mapping()) return std::nullopt;
  TokenizerRequest request{.at = node.at};
  const Node* const source = fields.find("source");
  const bool valid = source == nullptr || read_source(*source, request, diagnostics);
  if (const Node* value = fields.find("tokens")) read_tokens(*value, request, diagnostics);
  if (const Node* value = fields.find("pad_to_multiple_of"))
    request.pad_to_multiple_of = read_multiple(*value, diagnostics);
  return valid ? std::optional(std::move(request)) : std::nullopt;
}

std::optional<TokenizerRequest> read_tokenizer_source(const Node& node, Diagnostics& diagnostics) {
  TokenizerRequest request{.at = node.at};
  return read_source(node, request, diagnostics) ? std::optional(std::move(request)) : std::nullopt;
}

}  // namespace stockpot::recipe
