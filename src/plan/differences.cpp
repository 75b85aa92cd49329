#include "plan/differences.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"

namespace stockpot::plan {
namespace {

std::string line(const std::string& path, recipe::Position at, std::string_view severity, const std::string& code,
                 const std::string& text) {
  const std::string place = at.line == 0 ? path : fmt::format("{}:{}:{}", path, at.line, at.column);
  return fmt::format("{}: {}[{}]: {}", place, severity, code, printable(text));
}

}  // namespace

void Differences::add(std::string_view code, recipe::Position at, std::string text) {
  errors_[std::string(code)].push_back({at, std::move(text)});
}

void Differences::warn(std::string_view code, recipe::Position at, std::string text) {
  warnings_.emplace_back(std::string(code), Difference{at, std::move(text)});
}

std::vector<std::string> Differences::warnings(const std::string& recipe_path) const {
  std::vector<std::string> lines;
  for (const auto& [code, warning] : warnings_) {
    lines.push_back(line(recipe_path, warning.at, "warning", code, warning.text));
  }
  return lines;
}

std::string Differences::report(const std::string& recipe_path) const {
  constexpr std::size_t shown = 20;
  std::size_t count = 0;
  std::string list;
  for (const auto& [code, found] : errors_) {
    count += found.size();
    for (std::size_t i = 0; i < std::min(shown, found.size()); ++i) {
      list += line(recipe_path, found[i].at, "error", code, found[i].text) + "\n";
    }
    if (found.size() > shown) list += fmt::format("... and {} more of {}\n", found.size() - shown, code);
  }
  if (errors_.contains("TEN004")) {
    list +=
        "   = help: 'stockpot: {on_mismatch: skip}' leaves such a model out of that tensor; "
        "--unsafe-truncate-embeddings cuts embeddings to what all models have\n";
  }
  if (errors_.contains("TEN002") || errors_.contains("TEN005")) {
    list += "   = help: 'stockpot: {missing: drop}' leaves such tensors out of the output\n";
  }
  return list + fmt::format("the models do not fit together: {} difference{}", count, count == 1 ? "" : "s");
}

void Differences::raise(const std::string& recipe_path) const {
  const std::string code = errors_.begin()->first;
  throw Error(ErrorKind::corrupt_input, errors_.begin()->second.front().text)
      .code(code)
      .with_report(report(recipe_path));
}

}  // namespace stockpot::plan
