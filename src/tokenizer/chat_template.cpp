#include "tokenizer/chat_template.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "recipe/text.hpp"
#include "tokenizer/built_in_templates.hpp"
#include "tokenizer/json_text.hpp"

namespace stockpot::tokenizer {
namespace {

constexpr std::size_t shortest_template = 20;  // characters

JsonValue checked_object(std::string_view config, std::string_view path) {
  const JsonValue document = check_json(config, path);
  if (is_object(document)) return document;
  throw Error(ErrorKind::corrupt_input, "the tokenizer's configuration is not a JSON object")
      .code("FMT022")
      .in_file(path);
}

std::string stripped(std::string_view text) {
  constexpr std::string_view white_space = " \t\n\v\f\r";
  const auto first = text.find_first_not_of(white_space);
  if (first == text.npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(white_space) - first + 1));
}

/// The entry named "default" of [{"name": ..., "template": ...}, ...], "" if there is none.
std::string default_of(JsonValue list) {
  std::string found;
  for_each_element(list, [&](JsonValue entry) {
    if (!is_object(entry)) return;
    const JsonValue name = find_member(entry, "name").value_or("");
    const JsonValue text = find_member(entry, "template").value_or("");
    if (is_text(name) && is_text(text) && text_of(name) == "default") found = text_of(text);
  });
  return found;
}

/// A model's template, "" if it has none.
std::string template_of(const ModelTemplates& model) {
  if (model.jinja) return stripped(*model.jinja);
  if (!model.tokenizer_config) return "";
  const JsonValue config = checked_object(*model.tokenizer_config, model.directory + "/tokenizer_config.json");
  const JsonValue value = find_member(config, "chat_template").value_or("");
  if (is_text(value)) return stripped(text_of(value));
  return is_array(value) ? stripped(default_of(value)) : "";
}

std::optional<std::string> elected(std::span<const ModelTemplates> models) {
  std::vector<std::pair<std::string, int>> votes;  // in the order in which the templates are met
  for (const ModelTemplates& model : models) {
    std::string text = template_of(model);
    if (text.empty()) continue;
    const auto known = std::find_if(votes.begin(), votes.end(), [&](const auto& vote) { return vote.first == text; });
    if (known == votes.end()) {
      votes.emplace_back(std::move(text), 1);
    } else {
      ++known->second;
    }
  }
  if (votes.empty()) return std::nullopt;
  const auto most = std::max_element(votes.begin(), votes.end(),  // the first of several
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most->first;
}

bool may_be_template(std::string_view text) {
  const bool is_short = recipe::first_characters(text, shortest_template - 1).size() == text.size();
  return !is_short && text.find('{') != text.npos;
}

}  // namespace

std::optional<std::string> chat_template(const std::string& request, recipe::Position at,
                                         std::span<const ModelTemplates> models, recipe::Diagnostics& diagnostics) {
  if (request == "auto") return elected(models);
  std::vector<std::string> names{"auto"};
  for (const auto& [name, text] : built_in_templates()) {
    if (name == request) return std::string(text);
    names.emplace_back(name);
  }
  if (may_be_template(request)) return request;
  const std::string near = did_you_mean(request, names);
  diagnostics.error("TOK050", at, recipe::in_quotes(request) + " is neither a built-in chat template nor a Jinja text",
                    near.empty() ? "'auto', 'alpaca', 'chatml', 'exaone', 'llama3', 'mistral', or a Jinja text" : near);
  return std::nullopt;
}

std::string with_chat_template(std::string_view config, std::string_view text, std::string_view path) {
  const JsonValue document = checked_object(config, path);
  if (const auto old = find_member(document, "chat_template")) {
    return indented_like(config, replaced(document, {{*old, json_string(text)}}));
  }
  bool empty = true;
  for_each_member(document, [&](const JsonMember&) { empty = false; });
  std::string member = empty ? "" : ",";
  member += json_string("chat_template") + ":" + json_string(text);
  return indented_like(config, replaced(document, {{document.substr(document.size() - 1, 0), member}}));
}

}  // namespace stockpot::tokenizer
