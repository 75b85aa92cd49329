#include "tokenizer/further_tokens.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>

namespace stockpot::tokenizer {
namespace {

/// A token's text: as it is, or an object's `content`.
std::optional<std::string> content_of(JsonValue value) {
  const auto content = is_object(value) ? find_member(value, "content") : std::optional(value);
  if (!content || !is_text(*content)) return std::nullopt;
  return text_of(*content);
}

void add(std::optional<std::string> text, JsonValue id, const TokenFlags& flags, std::vector<FurtherToken>& tokens) {
  const auto number = unsigned_of(id);
  if (!text || !number || *number > std::numeric_limits<std::uint32_t>::max()) return;
  tokens.push_back({*std::move(text), static_cast<std::uint32_t>(*number), flags});
}

void read_decoder(JsonValue decoder, std::vector<FurtherToken>& tokens) {
  for_each_member(decoder, [&](const JsonMember& member) {
    if (!is_object(member.value)) return;
    const auto flag = [&](std::string_view name, bool otherwise) {
      const auto value = find_member(member.value, name);
      return value ? value == "true" : otherwise;
    };
    const bool special = flag("special", false);
    const TokenFlags flags{flag("single_word", false), flag("lstrip", false), flag("rstrip", false),
                           flag("normalized", !special), special};
    add(content_of(member.value), member.key, flags, tokens);
  });
}

/// What the configuration calls `pad_token` and the like.
std::set<std::string> special_texts(JsonValue config) {
  std::set<std::string> texts;
  const auto take = [&](JsonValue value) {
    if (auto text = content_of(value)) texts.insert(*std::move(text));
  };
  for_each_member(config, [&](const JsonMember& member) {
    if (member.key.ends_with("_token")) take(member.value);
    if (member.key == "additional_special_tokens" && is_array(member.value)) for_each_element(member.value, take);
  });
  return texts;
}

}  // namespace

std::vector<FurtherToken> further_tokens(const std::optional<std::string>& tokenizer_config,
                                         const std::optional<std::string>& added_tokens, const std::string& directory) {
  std::vector<FurtherToken> tokens;
  const JsonValue config =
      tokenizer_config ? check_configuration(*tokenizer_config, directory + "/tokenizer_config.json") : "{}";
  if (!is_object(config)) return tokens;
  const auto decoder = find_member(config, "added_tokens_decoder");
  if (decoder && is_object(*decoder)) {
    read_decoder(*decoder, tokens);
  } else if (added_tokens) {
    const JsonValue list = check_configuration(*added_tokens, directory + "/added_tokens.json");
    if (!is_object(list)) return tokens;
    const std::set<std::string> special = special_texts(config);
    for_each_member(list, [&](const JsonMember& member) {
      const bool is_special = special.contains(member.key);
      add(member.key, member.value, {.normalized = !is_special, .special = is_special}, tokens);
    });
  }
  std::ranges::stable_sort(tokens, {}, &FurtherToken::id);
  return tokens;
}

}  // namespace stockpot::tokenizer
