#include "recipe/diagnostics.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "recipe/text.hpp"

namespace stockpot::recipe {
namespace {

constexpr std::size_t most_shown = 20;
constexpr std::size_t line_width = 100;
constexpr std::size_t name_width = 60;

/// Tabs as arrows: nobody takes one for spaces, and one column each, so that the caret stands right.
std::string with_visible_tabs(std::string_view text) {
  std::string shown;
  for (const char c : text) c == '\t' ? shown += "\u2192" : shown += c;
  return shown;
}

std::string place(const std::string& path, Position at) {
  return at.line == 0 ? path : fmt::format("{}:{}:{}", path, at.line, at.column);
}

std::string place_and_code(Position at, std::string_view code) {
  return fmt::format("{}:{}:{} ", at.line, at.column, code);
}

}  // namespace

Diagnostics::Diagnostics(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}

void Diagnostics::add(Diagnostic diagnostic) {
  const std::string identity = place_and_code(diagnostic.at, diagnostic.code) + diagnostic.message;
  if (known_.emplace(identity, found_.size()).second) found_.push_back(std::move(diagnostic));
}

void Diagnostics::advise(std::string_view code, Position at, const std::string& help) {
  const std::string beginning = place_and_code(at, code);
  for (auto known = known_.lower_bound(beginning); known != known_.end(); ++known) {
    if (!known->first.starts_with(beginning)) return;
    found_[known->second].help = help;
  }
}

void Diagnostics::error(std::string_view code, Position at, std::string message, std::string help) {
  add({Severity::error, std::string(code), at, std::move(message), std::move(help)});
}

void Diagnostics::warn(std::string_view code, Position at, std::string message, std::string help) {
  add({Severity::warning, std::string(code), at, std::move(message), std::move(help)});
}

void Diagnostics::inform(std::string_view code, Position at, std::string message) {
  add({Severity::info, std::string(code), at, std::move(message), ""});
}

void Diagnostics::stop(std::string_view code, Position at, std::string message, std::string help) {
  error(code, at, std::move(message), std::move(help));
  throw_if_errors();
  throw Error(ErrorKind::internal, "an error of the recipe was lost");
}

bool Diagnostics::fails(bool strict) const {
  const Severity least = strict ? Severity::warning : Severity::error;
  return std::ranges::any_of(found_, [&](const Diagnostic& d) { return d.severity >= least; });
}

std::string Diagnostics::quoted_line(Position at) const {
  std::string_view line = line_of(without_mark(text_), at.line);
  std::size_t column = static_cast<std::size_t>(std::max(at.column, 1)) - 1;
  if (column > line_width / 2) {  // show the part of a long line that matters
    const std::size_t skipped = column - line_width / 2;
    line.remove_prefix(first_characters(line, skipped).size());
    column -= skipped;
  }
  const std::string_view shown = first_characters(line, line_width);
  return fmt::format("\n{:>4} | {}\n     | {}^", at.line, printable(with_visible_tabs(shown)),
                     std::string(column, ' '));
}

Remark Diagnostics::remark(const Diagnostic& d) const {
  Remark told{.severity = d.severity,
              .code = d.code,
              .file = path_,
              .line = d.at.line,
              .column = d.at.column,
              .message = d.message,
              .help = d.help,
              .facts = {},
              .shown = {}};
  std::string text =
      fmt::format("{}: {}[{}]: {}", printable(place(path_, d.at)), name(d.severity), d.code, printable(d.message));
  if (d.at.used_line != 0) text += fmt::format(" (used at {}:{})", d.at.used_line, d.at.used_column);
  if (d.at.line != 0) text += quoted_line(d.at);
  if (!d.help.empty()) text += fmt::format("\n   = help: {}", printable(d.help));
  told.shown = std::move(text);
  return told;
}

std::vector<Remark> Diagnostics::remarks(Severity at_least) const {
  std::vector<Diagnostic> shown;
  for (const Diagnostic& d : found_) {
    if (d.severity >= at_least) shown.push_back(d);
  }
  std::stable_sort(shown.begin(), shown.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  std::vector<Remark> remarks;
  for (const Diagnostic& d : shown) remarks.push_back(remark(d));
  return remarks;
}

std::string Diagnostics::report(Severity at_least) const { return to_text(first_of(remarks(at_least), most_shown)); }

void Diagnostics::throw_if_errors(bool strict) const {
  if (!fails(strict)) return;
  Diagnostics shown = *this;
  for (Diagnostic& d : shown.found_) {
    if (strict && d.severity == Severity::warning) d.severity = Severity::error;
  }
  std::vector<Remark> all = shown.remarks(Severity::warning);
  const auto first = std::ranges::find(all, Severity::error, &Remark::severity);
  throw Error(ErrorKind::recipe, first->message)
      .code(first->code)
      .in_file(path_)
      .with_parts(first_of(std::move(all), most_shown));
}

std::string in_quotes(std::string_view name) {
  const std::string_view shown = first_characters(name, name_width);
  return fmt::format("'{}{}'", printable(shown), shown.size() < name.size() ? "..." : "");
}

}  // namespace stockpot::recipe
