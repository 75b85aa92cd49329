#include "engine/model_errors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/nearest.hpp"

namespace stockpot::engine {

ModelErrors::ModelErrors(const recipe::Recipe& recipe) : path_(recipe.path), diagnostics_(recipe.path, recipe.text) {
  for (const recipe::MergeDocument& document : recipe.documents) {
    if (!document.name.empty()) stages_.push_back(document.name);
  }
}

/// What to say of a path that may be meant to be a stage: the folder where one is kept, or nearly its name.
std::string ModelErrors::meant_stage(const std::string& path) const {
  for (const std::string& stage : stages_) {
    if (path.ends_with("/" + stage)) return fmt::format("a stage is referred to by its name alone: '{}'", stage);
  }
  return did_you_mean(path, stages_);
}

void ModelErrors::add(Error error, const recipe::ModelReference& reference) {
  const recipe::Position at = reference.at;
  if (error.class_code().starts_with("REF")) {
    std::string message = error.sentence();
    for (const auto& [name, value] : error.context()) {
      if (name != "model") message += fmt::format("; {} {}", name, value);
    }
    const std::string stage = error.class_code() == "REF004" ? meant_stage(reference.path) : "";
    diagnostics_.error(error.class_code(), at, message, stage.empty() ? error.hint() : stage);
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
