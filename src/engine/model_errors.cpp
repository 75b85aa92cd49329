#include "engine/model_errors.hpp"

#include <fmt/format.h>

namespace stockpot::engine {

void ModelErrors::add(Error error, const recipe::ModelReference& reference) {
  const recipe::Position at = reference.at;
  if (error.class_code().starts_with("REF")) {
    std::string message = error.sentence();
    for (const auto& [name, value] : error.context()) {
      if (name != "model") message += fmt::format("; {} {}", name, value);
    }
    diagnostics_.error(error.class_code(), at, message, error.hint());
  } else {
    error.with("recipe", fmt::format("{}:{}:{}", path_, at.line, at.column));
    reports_.emplace_back(error.what());
  }
  if (!first_) first_ = std::move(error);
}

void ModelErrors::raise() const {
  if (!first_) return;
  if (reports_.size() == 1 && diagnostics_.all().empty()) throw *first_;
  std::string all = diagnostics_.report();
  for (const std::string& report : reports_) all += (all.empty() ? "" : "\n") + report;
  throw Error(first_->kind(), first_->sentence()).code(first_->class_code()).with_report(std::move(all));
}

}  // namespace stockpot::engine
