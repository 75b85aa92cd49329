#include "plan/differences.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"

namespace stockpot::plan {
namespace {

Remark remark(const std::string& path, const recipe::Diagnostic& found) {
  Remark told = remark_of(found.message, found.severity);
  told.code = found.code;
  told.file = path;
  told.line = found.at.line;
  told.column = found.at.column;
  told.help = found.help;
  return told;
}

/// What may be done about errors of a kind.
std::string help(std::string_view code) {
  if (code == "TEN004") {
    return "'stockpot: {on_mismatch: skip}' leaves such a model out of that tensor; --unsafe-truncate-embeddings cuts "
           "embeddings to what all models have";
  }
  if (code == "TEN002" || code == "TEN005") return "'stockpot: {missing: drop}' leaves such tensors out of the output";
  return "";
}

}  // namespace

void Differences::add(std::string_view code, recipe::Position at, std::string text) {
  errors_[std::string(code)].push_back({Severity::error, std::string(code), at, std::move(text), ""});
}

void Differences::warn(std::string_view code, recipe::Position at, std::string text, std::string help) {
  others_.push_back({Severity::warning, std::string(code), at, std::move(text), std::move(help)});
}

void Differences::inform(std::string_view code, recipe::Position at, std::string text) {
  others_.push_back({Severity::info, std::string(code), at, std::move(text), ""});
}

std::vector<Remark> Differences::remarks(const std::string& recipe_path) const {
  std::vector<Remark> remarks;
  for (const recipe::Diagnostic& found : others_) remarks.push_back(remark(recipe_path, found));
  return remarks;
}

std::vector<Remark> Differences::report(const std::string& recipe_path) const {
  constexpr std::size_t most = 20;
  std::size_t count = 0;
  std::vector<Remark> report;
  for (const auto& [code, found] : errors_) {
    count += found.size();
    std::vector<Remark> list;
    for (const recipe::Diagnostic& one : found) list.push_back(remark(recipe_path, one));
    list = first_of(std::move(list), most, "of " + code);
    list.back().help = help(code);
    std::ranges::move(list, std::back_inserter(report));
  }
  Remark sum = remark_of(fmt::format("the models do not fit together: {} difference{}", count, count == 1 ? "" : "s"),
                         Severity::info);
  sum.shown = sum.message;
  report.push_back(std::move(sum));
  return report;
}

void Differences::raise(const std::string& recipe_path) const {
  const auto& [code, found] = *errors_.begin();
  const ErrorKind kind = code.starts_with("RAW") ? ErrorKind::recipe : ErrorKind::corrupt_input;
  throw Error(kind, found.front().message).code(code).with_parts(report(recipe_path));
}

}  // namespace stockpot::plan
