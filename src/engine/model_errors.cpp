#include "engine/model_errors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

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
    std::ranges::move(error.remarks(), std::back_inserter(damaged_));
  }
  if (!first_) first_ = std::move(error);
}

void ModelErrors::raise() const {
  if (!first_) return;
  if (damaged_.size() == 1 && diagnostics_.all().empty()) throw *first_;
  std::vector<Remark> all = diagnostics_.remarks();
  all.insert(all.end(), damaged_.begin(), damaged_.end());
  throw Error(first_->kind(), first_->sentence()).code(first_->class_code()).with_parts(std::move(all));
}

}  // namespace stockpot::engine
