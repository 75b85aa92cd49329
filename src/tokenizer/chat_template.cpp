#include "tokenizer/chat_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "core/utf8.hpp"
#include "recipe/text.hpp"
#include "tokenizer/built_in_templates.hpp"
#include "tokenizer/json_slices.hpp"

namespace stockpot::tokenizer {
namespace {

constexpr std::size_t shortest_template = 20;  // characters; what is shorter was meant as a name

std::string stripped(const std::string& text) {
  constexpr std::string_view blanks = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(blanks);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// The characters of a JSON string; nothing for any other value.
std::optional<std::string> text_in(std::optional<JsonValue> value) {
  return value && is_text(*value) ? std::optional(text_of(*value)) : std::nullopt;
}

/// A text, or the entry named "default" of a list of named ones.
std::optional<std::string> template_in(JsonValue config) {
  const auto value = is_object(config) ? find_member(config, "chat_template") : std::nullopt;
  if (!value || !is_array(*value)) return text_in(value);
  std::optional<std::string> found;
  for_each_element(*value, [&](JsonValue entry) {
    if (found || !is_object(entry) || text_in(find_member(entry, "name")) != "default") return;
    found = text_in(find_member(entry, "template"));
  });
  return found;
}

void check_utf8(const std::string& text, const std::string& path) {
  if (is_utf8(text)) return;
  throw Error(ErrorKind::corrupt_input, "the chat template is not UTF-8").code("FMT021").in_file(path);
}

std::optional<std::string> template_of(const ModelTemplates& model) {
  std::optional<std::string> text = model.chat_template_jinja;
  if (text) {
    check_utf8(*text, model.model + "/chat_template.jinja");
  } else if (model.tokenizer_config) {
    // Read where it stands: after a union, this file has an entry for each of up to hundreds of thousands of tokens.
    text = template_in(check_configuration(*model.tokenizer_config, model.model + "/tokenizer_config.json"));
  }
  if (!text) return std::nullopt;
  std::string bare = stripped(*text);
  return bare.empty() ? std::nullopt : std::optional(std::move(bare));
}

/// A model whose files are damaged has no vote.
std::optional<std::string> vote_of(const ModelTemplates& model, recipe::Position at, recipe::Diagnostics& diagnostics) {
  try {
    return template_of(model);
  } catch (const Error& error) {
    diagnostics.warn(
        error.class_code(), at,
        fmt::format("model {} has no vote for a chat template: {}", recipe::in_quotes(model.model), error.sentence()));
    return std::nullopt;
  }
}

std::optional<std::string> elected(std::span<const ModelTemplates> models, recipe::Position at,
                                   recipe::Diagnostics& diagnostics) {
  std::vector<std::pair<std::string, std::size_t>> votes;  // in the order in which they come up
  for (const ModelTemplates& model : models) {
    const auto text = vote_of(model, at, diagnostics);
    if (!text) continue;
    const auto known = std::ranges::find(votes, *text, &std::pair<std::string, std::size_t>::first);
    if (known == votes.end()) {
      votes.emplace_back(*text, 1);
    } else {
      ++known->second;
    }
  }
  const auto most = std::ranges::max_element(votes, {}, &std::pair<std::string, std::size_t>::second);
  if (most != votes.end()) return most->first;
  diagnostics.inform("TOK053", at, "no model has a chat template: the output has none");
  return std::nullopt;
}

}  // namespace

std::optional<std::string> chat_template(const std::string& request, recipe::Position at,
                                         std::span<const ModelTemplates> models, recipe::Diagnostics& diagnostics) {
  if (request == "auto") return elected(models, at, diagnostics);
  const auto& built_in = built_in_templates();
  const auto known = std::ranges::find(built_in, request, &std::pair<std::string_view, std::string_view>::first);
  if (known != built_in.end()) return std::string(known->second);
  const bool is_long = recipe::first_characters(request, shortest_template - 1).size() < request.size();
  if (is_long && request.find('{') != std::string::npos) return request;
  std::vector<std::string> names{"auto"};
  for (const auto& [name, text] : built_in) names.emplace_back(name);
  const std::string near = did_you_mean(request, names);
  diagnostics.error("TOK050", at,
                    fmt::format("{} is neither a chat template nor the name of one", recipe::in_quotes(request)),
                    near.empty() ? fmt::format("known are {}; Jinja has at least {} characters and a '{{'",
                                               fmt::join(names, ", "), shortest_template)
                                 : near);
  return std::nullopt;
}

}  // namespace stockpot::tokenizer
