#include "recipe/yaml_writer.hpp"

#include <fmt/format.h>
#include <yaml-cpp/emitter.h>

#include <algorithm>

#include "recipe/text.hpp"

namespace stockpot::recipe {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// Words and paths that no reader of YAML takes for a number, a boolean or nothing.
bool is_plain(std::string_view text) {
  constexpr std::size_t longest_word = 5;  // "false"
  const auto allowed = [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || std::string_view("./-+@*").find(c) != std::string_view::npos;
  };
  const bool begins_well = text.starts_with("./") || (!text.empty() && (is_letter(text[0]) || text[0] == '/'));
  if (!begins_well || !std::all_of(text.begin(), text.end(), allowed)) return false;
  const std::string lower = lower_case(text.substr(0, longest_word + 1));
  for (const char* word : {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}) {
    if (lower == word) return false;
  }
  return true;
}

YAML::EMITTER_MANIP manipulator(Style style) { return style == Style::flow ? YAML::Flow : YAML::Block; }

}  // namespace

YamlWriter::YamlWriter() : emitter_(std::make_unique<YAML::Emitter>()) {}
YamlWriter::~YamlWriter() = default;

YamlWriter& YamlWriter::begin_document() {
  *emitter_ << YAML::BeginDoc;
  return *this;
}

YamlWriter& YamlWriter::begin_map(Style style) {
  *emitter_ << manipulator(style) << YAML::BeginMap;
  return *this;
}

YamlWriter& YamlWriter::end_map() {
  *emitter_ << YAML::EndMap;
  return *this;
}

YamlWriter& YamlWriter::begin_list(Style style) {
  *emitter_ << manipulator(style) << YAML::BeginSeq;
  return *this;
}

YamlWriter& YamlWriter::end_list() {
  *emitter_ << YAML::EndSeq;
  return *this;
}

YamlWriter& YamlWriter::key(std::string_view name) {
  // Readers look for the colon within 1,024 characters only, and a byte may take four of them.
  if (name.size() > 250) *emitter_ << YAML::LongKey;
  *emitter_ << YAML::Key;
  text(name);
  *emitter_ << YAML::Value;
  return *this;
}

YamlWriter& YamlWriter::text(std::string_view text) {
  if (!is_plain(text)) return quoted(text);
  *emitter_ << std::string(text);
  return *this;
}

YamlWriter& YamlWriter::quoted(std::string_view text) {
  *emitter_ << YAML::DoubleQuoted << std::string(text);
  return *this;
}

YamlWriter& YamlWriter::number(double value) {
  *emitter_ << fmt::format("{}", value);
  return *this;
}

YamlWriter& YamlWriter::whole(std::uint64_t value) {
  *emitter_ << fmt::format("{}", value);
  return *this;
}

YamlWriter& YamlWriter::boolean(bool value) {
  *emitter_ << (value ? "true" : "false");
  return *this;
}

std::string YamlWriter::take() const {
  std::string text;
  for (const char c : std::string_view(emitter_->c_str(), emitter_->size())) {
    // yaml-cpp writes this one control character as it is, and recipes may hold none. It stands in quotes.
    text += c == '\x7F' ? std::string_view("\\x7F") : std::string_view(&c, 1);
  }
  return text + '\n';
}

}  // namespace stockpot::recipe
