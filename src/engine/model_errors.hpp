// What is wrong with the models of a recipe, collected so that one run shows all of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::engine {

/// References that lead nowhere are mistakes of the recipe and shown as such; a file that is damaged is shown with its
/// own facts, and the place in the recipe as one more.
class ModelErrors {
 public:
  explicit ModelErrors(const recipe::Recipe& recipe);
  void add(Error error, const recipe::ModelReference& reference);
  /// @throws Error of the first one's kind and code, if there was any.
  void raise() const;

 private:
  std::string meant_stage(const std::string& path) const;

  std::string path_;
  std::vector<std::string> stages_;  // their names
  recipe::Diagnostics diagnostics_;
  std::optional<Error> first_;
  std::vector<Remark> damaged_;  // files
};

}  // namespace stockpot::engine
