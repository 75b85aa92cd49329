#include "recipe/diagnostics.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "recipe/text.hpp"

namespace stockpot::recipe {
namespace {

constexpr std::size_t most_shown = 20;
constexpr std::size_t line_width = 100;
constexpr std::size_t name_width = 60;

std::string_view line_of(std::string_view text, int line) {
  for (int skipped = 1; skipped < line; ++skipped) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::string place(const std::string& path, Position at) {
  return at.line == 0 ? path : fmt::format("{}:{}:{}", path, at.line, at.column);
}

}  // namespace

Diagnostics::Diagnostics(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}

void Diagnostics::add(Diagnostic diagnostic) {
  const std::string identity =
      fmt::format("{}:{}:{} {}", diagnostic.at.line, diagnostic.at.column, diagnostic.code, diagnostic.message);
  if (known_.insert(identity).second) found_.push_back(std::move(diagnostic));
}

void Diagnostics::error(std::string_view code, Position at, std::string message, std::string help) {
  add({Severity::error, std::string(code), at, std::move(message), std::move(help)});
}

void Diagnostics::warn(std::string_view code, Position at, std::string message, std::string help) {
  add({Severity::warning, std::string(code), at, std::move(message), std::move(help)});
}

void Diagnostics::stop(std::string_view code, Position at, std::string message, std::string help) {
  error(code, at, std::move(message), std::move(help));
  throw_if_errors();
  throw Error(ErrorKind::internal, "an error of the recipe was lost");
}

bool Diagnostics::has_errors() const {
  return std::any_of(found_.begin(), found_.end(), [](const Diagnostic& d) { return d.severity == Severity::error; });
}

std::string Diagnostics::quoted_line(Position at) const {
  std::string_view line = line_of(without_mark(text_), at.line);
  std::size_t column = static_cast<std::size_t>(std::max(at.column, 1)) - 1;
  if (column > line_width / 2) {  // show the part of a long line that matters
    const std::size_t skipped = column - line_width / 2;
    line.remove_prefix(first_characters(line, skipped).size());
    column -= skipped;
  }
  std::string shown(first_characters(line, line_width));
  std::replace(shown.begin(), shown.end(), '\t', ' ');  // one column each, so that the caret stands right
  return fmt::format("\n{:>4} | {}\n     | {}^", at.line, printable(shown), std::string(column, ' '));
}

std::string Diagnostics::report(Severity at_least) const {
  std::vector<Diagnostic> shown;
  for (const Diagnostic& d : found_) {
    if (d.severity >= at_least) shown.push_back(d);
  }
  std::stable_sort(shown.begin(), shown.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  shown.erase(std::unique(shown.begin(), shown.end()), shown.end());
  std::string text;
  for (std::size_t i = 0; i < std::min(shown.size(), most_shown); ++i) {
    const Diagnostic& d = shown[i];
    const char* const severity = d.severity == Severity::error ? "error" : "warning";
    if (i > 0) text += '\n';
    text += fmt::format("{}: {}[{}]: {}", place(path_, d.at), severity, d.code, printable(d.message));
    if (d.at.used_line != 0) text += fmt::format(" (used at {}:{})", d.at.used_line, d.at.used_column);
    if (d.at.line != 0) text += quoted_line(d.at);
    if (!d.help.empty()) text += fmt::format("\n   = help: {}", printable(d.help));
  }
  if (shown.size() > most_shown) text += fmt::format("\n... and {} more", shown.size() - most_shown);
  return text;
}

void Diagnostics::throw_if_errors(bool strict) const {
  if (found_.empty() || (!strict && !has_errors())) return;
  Diagnostics shown = *this;
  if (strict) {
    for (Diagnostic& d : shown.found_) d.severity = Severity::error;
  }
  std::stable_sort(shown.found_.begin(), shown.found_.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  const auto first = std::find_if(shown.found_.begin(), shown.found_.end(),
                                  [](const Diagnostic& d) { return d.severity == Severity::error; });
  throw Error(ErrorKind::recipe, first->message).code(first->code).in_file(path_).with_report(shown.report());
}

std::string in_quotes(std::string_view name) {
  const std::string_view shown = first_characters(name, name_width);
  return fmt::format("'{}{}'", printable(shown), shown.size() < name.size() ? "..." : "");
}

}  // namespace stockpot::recipe
