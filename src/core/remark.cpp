#include "core/remark.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/bytes.hpp"
#include "core/error.hpp"

namespace stockpot {
namespace {

/// "ARC032": three capital letters and three digits.
constexpr std::size_t code_length = 6;

bool is_code(std::string_view word) {
  const auto all = [](std::string_view part, char first, char last) {
    return std::ranges::all_of(part, [&](char c) { return c >= first && c <= last; });
  };
  return word.size() == code_length && all(word.substr(0, 3), 'A', 'Z') && all(word.substr(3), '0', '9');
}

std::string place(const Remark& remark) {
  if (remark.file.empty()) return "";
  if (remark.line == 0) return remark.file + ": ";
  return fmt::format("{}:{}:{}: ", remark.file, remark.line, remark.column);
}

}  // namespace

std::string_view name(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

std::string to_text(const Remark& remark) {
  if (!remark.shown.empty()) return remark.shown;
  const std::string code = remark.code.empty() ? "" : fmt::format("[{}]", remark.code);
  std::string text =
      fmt::format("{}{}{}: {}", printable(place(remark)), name(remark.severity), code, printable(remark.message));
  if (!remark.help.empty()) text += fmt::format("\n   = help: {}", printable(remark.help));
  return text;
}

std::string to_text(const std::vector<Remark>& remarks) {
  std::string text;
  for (const Remark& remark : remarks) {
    if (!text.empty()) text += '\n';
    text += to_text(remark);
  }
  return text;
}

Remark remark_of(std::string_view line, Severity severity) {
  const std::size_t colon = line.find(": ");
  Remark remark{.severity = severity, .code = {}, .file = {}, .message = {}, .help = {}, .facts = {}, .shown = {}};
  if (colon != line.npos && is_code(line.substr(0, colon))) {
    remark.code = line.substr(0, colon);
    line.remove_prefix(colon + 2);
  }
  remark.message = line;
  return remark;
}

Remark remark_about(std::string_view name, std::string_view line, Severity severity) {
  Remark remark = remark_of(line, severity);
  remark.message = fmt::format("{}: {}", name, remark.message);
  return remark;
}

std::vector<Remark> first_of(std::vector<Remark> remarks, std::size_t most, std::string_view of) {
  if (remarks.size() <= most) return remarks;
  const std::size_t left_out = remarks.size() - most;
  const auto errors = static_cast<std::size_t>(std::ranges::count(remarks, Severity::error, &Remark::severity));
  std::size_t others = most - std::min(most, errors);
  std::erase_if(remarks, [&](const Remark& remark) {
    if (remark.severity == Severity::error || others == 0) return remark.severity != Severity::error;
    --others;
    return false;
  });
  remarks.resize(most);
  Remark rest = remark_of(fmt::format("... and {} more{}{}", left_out, of.empty() ? "" : " ", of), Severity::info);
  rest.shown = rest.message;
  remarks.push_back(std::move(rest));
  return remarks;
}

bool has_warnings(const std::vector<Remark>& remarks) {
  return std::ranges::any_of(remarks, [](const Remark& remark) { return remark.severity >= Severity::warning; });
}

std::string pack(const std::vector<Remark>& remarks) {
  ByteWriter out;
  out.number(remarks.size());
  for (const Remark& remark : remarks) {
    out.number(static_cast<std::uint64_t>(remark.severity));
    out.number(static_cast<std::uint64_t>(remark.line));
    out.number(static_cast<std::uint64_t>(remark.column));
    for (const auto* text : {&remark.code, &remark.file, &remark.message, &remark.help, &remark.shown}) out.text(*text);
    out.number(remark.facts.size());
    for (const auto& [fact, value] : remark.facts) {
      out.text(fact);
      out.text(value);
    }
  }
  return out.take();
}

std::vector<Remark> unpack_remarks(std::string_view packed) {
  ByteReader in(packed);
  std::vector<Remark> remarks(in.number());
  for (Remark& remark : remarks) {
    remark.severity = static_cast<Severity>(in.number());
    remark.line = static_cast<int>(in.number());
    remark.column = static_cast<int>(in.number());
    for (auto* text : {&remark.code, &remark.file, &remark.message, &remark.help, &remark.shown}) *text = in.text();
    for (auto left = in.number(); left > 0; --left) {
      std::string fact = in.text();
      remark.facts.emplace_back(std::move(fact), in.text());
    }
  }
  return remarks;
}

}  // namespace stockpot
